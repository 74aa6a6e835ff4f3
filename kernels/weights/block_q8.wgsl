// A block of 32 int8 weights at a time, after kernels/weights/blocks.wgsl; index i counts blocks.
@group(0) @binding(2) var<storage, read> w: array<vec4u>;

fn w_run(i: u32) -> array<vec4f, PARTS> {
  let low = w[2u * i];
  let high = w[2u * i + 1u];
  let scale = scale_at(i);
  var run: array<vec4f, PARTS>;
  for (var g = 0u; g < 4u; g++) { // unroll
    run[g] = four_bytes(low[g], scale);
    run[4u + g] = four_bytes(high[g], scale);
  }
  return run;
}
