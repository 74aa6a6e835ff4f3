// The team's sum, in each of its lanes: neighbours, then pairs, then fours. A subgroup has whole teams.
fn sum_shares(lane: u32, value: vec4f) -> vec4f {
  let twos = value + subgroupShuffleXor(value, 1u);
  let fours = twos + subgroupShuffleXor(twos, 2u);
  return fours + subgroupShuffleXor(fours, 4u);
}
