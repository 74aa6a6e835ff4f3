// The team's sum, in each of its lanes: neighbours, then pairs, then fours. A subgroup has whole teams.
fn sum_shares(lane: u32, value: vec4f) -> vec4f {
  let twos = value + subgroupShuffleXor(value, 1u);
  let fours = twos + subgroupShuffleXor(twos, 2u);
  return fours + subgroupShuffleXor(fours, 4u);
}

// The team's maxima, in each of its lanes.
fn max_shares(lane: u32, value: vec4f) -> vec4f {
  let twos = max(value, subgroupShuffleXor(value, 1u));
  let fours = max(twos, subgroupShuffleXor(twos, 2u));
  return max(fours, subgroupShuffleXor(fours, 4u));
}

// What the lane next to it has, of pairs of lanes.
fn other_half(lane: u32, value: u32) -> u32 { return subgroupShuffleXor(value, 1u); }
