// Sums over a workgroup's lanes, in their order.
var<workgroup> lane_sums: array<array<vec2f, LANES>, 2>;  // rows in turn use either half: one barrier a row

fn row_total(row: u32, lane: u32, value: vec2f) -> vec2f {
  lane_sums[row & 1u][lane] = value;
  workgroupBarrier();
  var sum = vec2f();
  for (var i = 0u; i < LANES; i++) { // unroll
    sum += lane_sums[row & 1u][i];
  }
  return sum;
}
