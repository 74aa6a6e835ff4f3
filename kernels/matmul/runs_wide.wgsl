// Eight channels of x at a time, as four 64-bit words: on a CPU driver a load costs 30 ns for 16 bytes a
// lane but 39 ns for 32. Needs 64-bit integers. `wide_f32.wgsl` and `wide_f16.wgsl` load w likewise.
@group(0) @binding(3) var<storage, read> x: array<vec4<u64>>;   // [rows, k_runs]

fn eight(words: vec4<u64>) -> array<vec4f, PARTS> {
  let even = bitcast<vec4f>(vec4u(words));
  let odd = bitcast<vec4f>(vec4u(words >> vec4u(32u)));
  return array<vec4f, PARTS>(vec4f(even.x, odd.x, even.y, odd.y), vec4f(even.z, odd.z, even.w, odd.w));
}

fn x_run(i: u32) -> array<vec4f, PARTS> { return eight(x[i]); }
