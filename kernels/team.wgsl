// Sum over each team of TEAM lanes next to each other, in lane order. Once a dispatch.
var<workgroup> team_parts: array<f32, LANES>;

fn team_sum(lane: u32, value: f32) -> f32 {
  team_parts[lane] = value;
  workgroupBarrier();
  let first = lane - lane % TEAM;
  var sum = 0.0;
  for (var i = 0u; i < TEAM; i++) { // unroll
    sum += team_parts[first + i];
  }
  return sum;
}
