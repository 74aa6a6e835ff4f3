// As shares_subgroup.wgsl, the same bits, for devices without subgroups. All lanes must come here.
var<workgroup> lane_sums: array<vec4f, LANES>;
var<workgroup> lane_words: array<u32, LANES>;

fn sum_shares(lane: u32, value: vec4f) -> vec4f {
  let first = lane & ~7u;
  workgroupBarrier();
  lane_sums[lane] = value;
  workgroupBarrier();
  let left = (lane_sums[first] + lane_sums[first + 1u]) + (lane_sums[first + 2u] + lane_sums[first + 3u]);
  let right = (lane_sums[first + 4u] + lane_sums[first + 5u]) + (lane_sums[first + 6u] + lane_sums[first + 7u]);
  return left + right;
}

fn other_half(lane: u32, value: u32) -> u32 {
  workgroupBarrier();
  lane_words[lane] = value;
  workgroupBarrier();
  return lane_words[lane ^ 1u];
}
