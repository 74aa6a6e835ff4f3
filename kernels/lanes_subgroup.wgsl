// As `total` of lanes.wgsl, the same bits, where a CPU driver's subgroup is the workgroup: a barrier costs more
// than all shuffles, and orders nothing here.
fn total(lane: u32, value: f32) -> f32 {
  var sum = 0.0;
  for (var i = 0u; i < LANES; i++) { // unroll
    sum += subgroupShuffle(value, i);
  }
  return sum;
}
