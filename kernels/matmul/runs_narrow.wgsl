// Four channels of x or w at a time, on any device; after kernels/matmul/x_quads.wgsl.

fn x_run(i: u32) -> array<vec4f, PARTS> { return array<vec4f, PARTS>(x[i]); }
fn w_run(i: u32) -> array<vec4f, PARTS> { return array<vec4f, PARTS>(load_w(i)); }
