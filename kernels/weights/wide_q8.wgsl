// Eight int8 weights at a time, after kernels/weights/blocks.wgsl; index i counts groups of eight.
@group(0) @binding(2) var<storage, read> w: array<vec2u>;

fn w_run(i: u32) -> array<vec4f, PARTS> {
  let words = w[i];
  let scale = scale_at(i / 4u);
  return array<vec4f, PARTS>(four_bytes(words.x, scale), four_bytes(words.y, scale));
}
