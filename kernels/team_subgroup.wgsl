// As team.wgsl, where a team of eight lanes is a CPU driver's subgroup: by pairs.
fn team_sum(lane: u32, value: f32) -> f32 {
  let twos = value + subgroupShuffleXor(value, 1u);
  let fours = twos + subgroupShuffleXor(twos, 2u);
  return fours + subgroupShuffleXor(fours, 4u);
}
