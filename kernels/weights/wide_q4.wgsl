// Eight int4 weights at a time, after kernels/weights/blocks.wgsl; index i counts groups of eight.
@group(0) @binding(2) var<storage, read> w: array<u32>;

fn w_run(i: u32) -> array<vec4f, PARTS> {
  let word = w[i];
  let scale = scale_at(i / 4u);
  return array<vec4f, PARTS>(four_nibbles(word, scale), four_nibbles(word >> 16u, scale));
}
