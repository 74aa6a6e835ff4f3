// dy by eights, with kernels/matmul/runs_wide.wgsl: where all rows and starts divide by 8.
fn dy_run(at: u32, left: u32) -> array<vec4f, 2> { return x_run(at / 8u); }
