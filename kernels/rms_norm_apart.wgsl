// Where the sum goes: into a buffer of its own; x stays as it is, for the backward pass.
@group(0) @binding(3) var<storage, read> x: array<vec4f>;           // [rows, width4]
@group(0) @binding(6) var<storage, read_write> sums: array<vec4f>;  // [rows, width4]

fn keep_sum(i: u32, v: vec4f) { sums[i] = v; }
fn load_sum(i: u32) -> vec4f { return sums[i]; }
