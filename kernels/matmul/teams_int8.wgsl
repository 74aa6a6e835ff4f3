// x of kernels/matmul/matmul_teams.wgsl as int8: a row's block of 32 channels has the scale max |x| / 127, so that blocks
// of weights meet blocks of x in integers, four products an instruction, and float32 adds one sum a block.
const HALVES = 2u;
const BLOCK_LANES = BLOCK_QUADS / LOAD_QUADS; // lanes next to each other that load a block
var<workgroup> x_codes: array<array<vec4u, SHARES>, TM * HALVES>; // [row, half of its block][share]
var<workgroup> x_scales: array<array<f32, SHARES>, TM>;

fn first_quad(load: u32) -> u32 { return load * LOAD_QUADS; }

fn put_x(lane: u32, row: u32, quads: array<vec4f, LOAD_QUADS>) {
  // As integers, NaN and infinities are the largest: the scale, and so the sum, is then not finite either.
  var most = 0u;
  if (row < TM) {
    for (var q = 0u; q < LOAD_QUADS; q++) { // unroll
      let bits = bitcast<vec4u>(quads[q]) & vec4u(0x7fffffffu);
      most = max(most, max(max(bits.x, bits.y), max(bits.z, bits.w)));
    }
  }
  most = max_of_two(lane, most, 1u);
  if (BLOCK_LANES == 4u) { most = max_of_two(lane, most, 2u); }
  let peak = bitcast<f32>(most);
  let inverse = select(0.0, 127.0 / peak, peak > LEAST_PEAK);
  let load = lane % (SHARES * BLOCK_LANES);
  let share = load / BLOCK_LANES;
  let part = load % BLOCK_LANES;
  let first = codes_of_x(quads[0], quads[1], inverse);
  var second = codes_of_x(quads[LOAD_QUADS - 2u], quads[LOAD_QUADS - 1u], inverse);
  if (BLOCK_LANES > HALVES) {
    // A neighbour has the other half of a vector, of which lanes must not write parts: the first one writes both.
    let told = select(vec2u(), first, part % 2u == 1u);
    second = vec2u(max_of_two(lane, told.x, 1u), max_of_two(lane, told.y, 1u));
  }
  if (row < TM) {
    let half = part * HALVES / BLOCK_LANES;
    if (half * BLOCK_LANES == part * HALVES) { x_codes[row * HALVES + half][share] = vec4u(first, second); }
    if (part == 0u) { x_scales[row][share] = peak / 127.0 * CODE_UNIT; }
  }
}

// Below it all codes are 0: 127 / peak would be infinite.
const LEAST_PEAK = 1e-30;

// 1.5 * 2^23: a float32 of this size has ones as its last place, and an integer's bits behind its own.
const WHOLE = 12582912.0;

// Eight channels, rounded to nearest, as the weights' eight codes stand.
fn codes_of_x(a: vec4f, b: vec4f, inverse: f32) -> vec2u {
  let whole = vec4f(WHOLE);
  return packed(bitcast<vec4u>(fma(a, vec4f(inverse), whole)), bitcast<vec4u>(fma(b, vec4f(inverse), whole)));
}

// acc[row][j] += x . w over a block of each of the team's NW weight rows.
fn multiply(acc: ptr<function, array<array<f32, NW>, TM>>, raw: array<Raw, NW>, step: Step) {
  var codes: array<array<vec4u, 2>, NW>;
  var scales: array<f32, NW>;
  for (var j = 0u; j < NW; j++) { // unroll
    codes[j] = codes_of(raw[j], step.merged);
    scales[j] = scale_value(raw[j].scale);
  }
  for (var part = 0u; part < GUARDS; part++) { // unroll
    if (part == 0u || part * GUARDED < step.count) {
      for (var i = 0u; i < GUARDED; i++) { // unroll
        let row = part * GUARDED + i;
        let a = x_codes[row * HALVES][step.share];
        let b = x_codes[row * HALVES + 1u][step.share];
        let scale = x_scales[row][step.share];
        for (var j = 0u; j < NW; j++) { // unroll
          let sum = dot_codes(b, codes[j][1], dot_codes(a, codes[j][0], bitcast<i32>(WHOLE)));
          (*acc)[row][j] = fma((bitcast<f32>(sum) - WHOLE) * scale, scales[j], (*acc)[row][j]);
        }
      }
    }
  }
}

fn dot_codes(a: vec4u, b: vec4u, sum: i32) -> i32 {
  let two = sum + dot4I8Packed(a.x, b.x) + dot4I8Packed(a.y, b.y);
  return two + dot4I8Packed(a.z, b.z) + dot4I8Packed(a.w, b.w);
}
