// y = silu(gate) up, silu(z) = z / (1 + exp(-z)); gate and up take turns in x. A workgroup's lanes share its
// ITEMS items, neighbours by neighbours.
struct Params { rows_at: u32, per_row: u32, width4: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> live: array<u32>;
@group(0) @binding(2) var<storage, read> x: array<Pack>;           // [items, 2 width4 / FOURS] gate, up, gate, up
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;   // [items, width4]

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = group.x * ITEMS;
  let items = live[p.rows_at] * p.per_row;
  let end = min(first + ITEMS, items) * p.width4;
  for (var at = first * p.width4 + lane; at < end; at += LANES) {
    var pairs: array<vec4f, 2>; // of gate and up
    for (var r = 0u; r < PACKS; r++) { // unroll
      let pack = fours(x[PACKS * at + r]);
      for (var h = 0u; h < FOURS; h++) { // unroll
        pairs[r * FOURS + h] = pack[h];
      }
    }
    let gate = vec4f(pairs[0].xz, pairs[1].xz);
    y[at] = gate / (1.0 + exp(-gate)) * vec4f(pairs[0].yw, pairs[1].yw);
  }
}
