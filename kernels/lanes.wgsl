// Reductions over a workgroup's LANES lanes; every lane gets the result, and the same one each time.
var<workgroup> part_a: array<f32, LANES>;
var<workgroup> part_b: array<f32, LANES>;
var<workgroup> part_i: array<u32, LANES>;

const LOWEST = -3.0e38;

// Sum over lanes, in lane order. The barriers also order what was written before.
fn total(lane: u32, value: f32) -> f32 {
  workgroupBarrier();
  part_a[lane] = value;
  workgroupBarrier();
  var sum = 0.0;
  for (var i = 0u; i < LANES; i++) { sum += part_a[i]; }
  return sum;
}

struct Top { z: f32, id: u32 }

// Largest value and its lowest id over lanes.
fn highest(lane: u32, z: f32, id: u32) -> Top {
  workgroupBarrier();
  part_b[lane] = z;
  part_i[lane] = id;
  workgroupBarrier();
  var top = Top(LOWEST, 0xffffffffu);
  for (var i = 0u; i < LANES; i++) {
    if (part_b[i] > top.z || (part_b[i] == top.z && part_i[i] < top.id)) { top = Top(part_b[i], part_i[i]); }
  }
  return top;
}
