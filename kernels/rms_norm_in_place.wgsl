// Where the sum goes: back into x.
@group(0) @binding(3) var<storage, read_write> x: array<vec4f>;   // [rows, width4]

fn keep_sum(i: u32, v: vec4f) {
  if (ADDENDS > 0u) { x[i] = v; }
}
fn load_sum(i: u32) -> vec4f { return x[i]; }
