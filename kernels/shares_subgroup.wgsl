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

// The larger of a lane's value and that of the lane so far apart, 1, 2 or 4.
fn max_of_two(lane: u32, value: u32, apart: u32) -> u32 { return max(value, subgroupShuffleXor(value, apart)); }
