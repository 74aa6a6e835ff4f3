// Weights as float16, two to a word, row-major; index i counts groups of four along a row.
// unpack2x16float needs no feature, so f16 weights work on every adapter.
@group(0) @binding(2) var<storage, read> w: array<vec2u>;

fn load_w(i: u32) -> vec4f {
  let packed = w[i];
  return vec4f(unpack2x16float(packed.x), unpack2x16float(packed.y));
}
