// y = silu(gate) up, silu(z) = z / (1 + exp(-z)); gate and up take turns in x. A team of lanes per item.
struct Params { rows_at: u32, per_row: u32, width4: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> live: array<u32>;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;         // [items, 2 width4] gate, up, gate, up
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;   // [items, width4]

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let item = id.x / TEAM;
  if (item >= live[p.rows_at] * p.per_row) { return; }
  for (var i = id.x % TEAM; i < p.width4; i += TEAM) {
    let at = item * p.width4 + i;
    let a = x[2u * at];
    let b = x[2u * at + 1u];
    let gate = vec4f(a.xz, b.xz);
    y[at] = gate / (1.0 + exp(-gate)) * vec4f(a.yw, b.yw);
  }
}
