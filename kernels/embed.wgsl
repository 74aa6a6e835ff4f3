// x[row] = embedding[token of row]. One lane per four channels; rows whose token lies in another chunk
// of a split table are left to that chunk's dispatch.
struct Params { rows_at: u32, width4: u32, stride4: u32, first: u32, count: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> live: array<u32>;
@group(0) @binding(3) var<storage, read> rows: array<vec4u>;      // [rows] (slot, position, token, keys)
@group(0) @binding(4) var<storage, read_write> x: array<vec4f>;   // [rows, width4]

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.y;
  let i = group.x * LANES + lane;
  if (row >= live[p.rows_at] || i >= p.width4) { return; }
  let token = rows[row].z - p.first;
  if (token < p.count) { x[row * p.width4 + i] = load_w(token * p.stride4 + i); }
}
