// Eight channels of x at a time, with kernels/pack_eight.wgsl. `wide_f32.wgsl` and `wide_f16.wgsl` load w likewise.
@group(0) @binding(3) var<storage, read> x: array<Pack>;   // [rows, k_runs]

fn x_run(i: u32) -> array<vec4f, PARTS> { return fours(x[i]); }
