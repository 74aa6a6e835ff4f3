// Four channels of x or w at a time, on any device.
@group(0) @binding(3) var<storage, read> x: array<vec4f>;       // [rows, k_runs]

fn x_run(i: u32) -> array<vec4f, PARTS> { return array<vec4f, PARTS>(x[i]); }
fn w_run(i: u32) -> array<vec4f, PARTS> { return array<vec4f, PARTS>(load_w(i)); }
