// y = silu(gate) up, silu(z) = z / (1 + exp(-z)). A workgroup's lanes share its ITEMS items, neighbours by
// neighbours.
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;   // [items, width4]

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = group.x * ITEMS;
  let items = live[p.rows_at] * p.per_row;
  let end = min(first + ITEMS, items) * p.width4;
  for (var at = first * p.width4 + lane; at < end; at += LANES) {
    let pairs = pairs_at(at);
    y[at] = pairs.gate / (1.0 + exp(-pairs.gate)) * pairs.up;
  }
}
