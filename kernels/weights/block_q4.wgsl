// A block of 32 int4 weights at a time, after kernels/weights/blocks.wgsl; index i counts blocks.
@group(0) @binding(2) var<storage, read> w: array<vec4u>;

fn w_run(i: u32) -> array<vec4f, PARTS> {
  let words = w[i];
  let scale = scale_at(i);
  var run: array<vec4f, PARTS>;
  for (var g = 0u; g < 4u; g++) { // unroll
    run[2u * g] = four_nibbles(words[g], scale);
    run[2u * g + 1u] = four_nibbles(words[g] >> 16u, scale);
  }
  return run;
}
