// A block of 32 channels of x at a time, for few rows: quantized weights then load 16 bytes at once and
// their scale once. Needs 64-bit integers as kernels/pack_eight.wgsl does.
@group(0) @binding(3) var<storage, read> x: array<vec4<u64>>;   // [rows, 4 k_runs]

fn x_run(i: u32) -> array<vec4f, PARTS> {
  var run: array<vec4f, PARTS>;
  for (var g = 0u; g < 4u; g++) { // unroll
    let words = x[4u * i + g];
    let even = bitcast<vec4f>(vec4u(words));
    let odd = bitcast<vec4f>(vec4u(words >> vec4u(32u)));
    run[2u * g] = vec4f(even.x, odd.x, even.y, odd.y);
    run[2u * g + 1u] = vec4f(even.z, odd.z, even.w, odd.w);
  }
  return run;
}
