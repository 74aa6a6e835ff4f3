// Codes of x in workgroup memory, of which a lane makes half a block: before kernels/matmul/teams_int8.wgsl.
var<workgroup> x_codes: array<array<vec4u, SHARES>, TM * HALVES>; // [row, half of its block][share]

fn put_codes(row_at: u32, share: u32, part: u32, first: vec2u, last: vec2u) {
  x_codes[row_at + part][share] = vec4u(first, last);
}

fn half_codes(at: u32, share: u32) -> vec4u { return x_codes[at][share]; }
