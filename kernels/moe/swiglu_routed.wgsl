// Items are choices of experts: each has a weight, which has a gradient.
@group(0) @binding(5) var<storage, read> routing: array<f32>;         // [items]
@group(0) @binding(6) var<storage, read_write> drouting: array<f32>;  // [items]

fn routing_of(item: u32) -> f32 { return routing[item]; }

fn finish_item(item: u32, lane: u32, is_live: bool, sum: f32) {
  let total = team_sum(lane, sum);
  if (is_live && lane % TEAM == 0u) { drouting[item] = total; }
}
