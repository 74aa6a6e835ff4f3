// As codes_halves.wgsl, where a lane makes a quarter: a vector of its own, since a device may write the whole of
// one to write a part.
var<workgroup> x_codes: array<array<array<vec2u, 2>, SHARES>, TM * HALVES>; // [row, half of its block][share, half of that]

fn put_codes(row_at: u32, share: u32, part: u32, first: vec2u, last: vec2u) {
  x_codes[row_at + part / 2u][share][part % 2u] = first;
}

fn half_codes(at: u32, share: u32) -> vec4u {
  let quarters = x_codes[at][share];
  return vec4u(quarters[0], quarters[1]);
}
