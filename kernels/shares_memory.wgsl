// As shares_subgroup.wgsl, the same bits, for devices without subgroups. All lanes must come here.
var<workgroup> lane_quads: array<vec4f, LANES>;
var<workgroup> lane_words: array<u32, LANES>;

fn sum_shares(lane: u32, value: vec4f) -> vec4f {
  let first = lane & ~7u;
  tell(lane, value);
  let left = (lane_quads[first] + lane_quads[first + 1u]) + (lane_quads[first + 2u] + lane_quads[first + 3u]);
  let right = (lane_quads[first + 4u] + lane_quads[first + 5u]) + (lane_quads[first + 6u] + lane_quads[first + 7u]);
  return left + right;
}

fn max_shares(lane: u32, value: vec4f) -> vec4f {
  let first = lane & ~7u;
  tell(lane, value);
  let left = max(max(lane_quads[first], lane_quads[first + 1u]), max(lane_quads[first + 2u], lane_quads[first + 3u]));
  let right = max(max(lane_quads[first + 4u], lane_quads[first + 5u]), max(lane_quads[first + 6u], lane_quads[first + 7u]));
  return max(left, right);
}

fn tell(lane: u32, value: vec4f) {
  workgroupBarrier();
  lane_quads[lane] = value;
  workgroupBarrier();
}

fn max_of_two(lane: u32, value: u32, apart: u32) -> u32 {
  workgroupBarrier();
  lane_words[lane] = value;
  workgroupBarrier();
  return max(value, lane_words[lane ^ apart]);
}
