// sum += all parts of the live rows, in order. One lane per four channels.
struct Params { rows_at: u32, width4: u32, block: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> live: array<u32>;
@group(0) @binding(2) var<storage, read> parts: array<vec4f>;      // [blocks of rows, width4]
@group(0) @binding(3) var<storage, read_write> sum: array<vec4f>;  // [width4]

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= p.width4) { return; }
  let blocks = (live[p.rows_at] + p.block - 1u) / p.block;
  var total = vec4f();
  for (var b = 0u; b < blocks; b++) {
    total += parts[b * p.width4 + i];
  }
  sum[i] += total;
}
