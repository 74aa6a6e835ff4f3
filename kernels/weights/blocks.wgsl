// Quantized weights: blocks of 32 along a row with one float16 scale each, two scales to a word. A weight
// is (code - offset) * scale. Codes are masked where they stand in their word and the scale takes the
// power of two back, which saves a shift; every step is exact in float32, so all loops see equal weights.
@group(0) @binding(7) var<storage, read> scales: array<u32>;

fn scale_at(block: u32) -> f32 {
  let two = unpack2x16float(scales[block / 2u]);
  return select(two.x, two.y, block % 2u == 1u);
}

// The four int8 of a word.
fn four_bytes(word: u32, scale: f32) -> vec4f {
  let codes = word ^ 0x80808080u; // -128 .. 127 as 0 .. 255
  let high = codes >> 16u;
  let masked = vec4u(codes, codes, high, high) & vec4u(0xffu, 0xff00u, 0xffu, 0xff00u);
  return fma(vec4f(vec4i(masked)), scale * vec4f(1.0, 0x1p-8, 1.0, 0x1p-8), vec4f(-128.0 * scale));
}

// The four int4 (0 .. 15 for -8 .. 7) in the low half of a word.
fn four_nibbles(half: u32, scale: f32) -> vec4f {
  let masked = vec4u(half) & vec4u(0xfu, 0xf0u, 0xf00u, 0xf000u);
  return fma(vec4f(vec4i(masked)), scale * vec4f(1.0, 0x1p-4, 0x1p-8, 0x1p-12), vec4f(-8.0 * scale));
}
