// Reductions over a workgroup's LANES lanes; every lane gets the result, and the same one each time. Parts are
// merged in order: in spans of SPAN lanes, STEP of them a turn, then over the SPANS spans.
var<workgroup> part_a: array<f32, LANES>;
var<workgroup> part_b: array<f32, LANES>;
var<workgroup> part_i: array<u32, LANES>;
var<workgroup> span_a: array<f32, SPANS>;
var<workgroup> span_b: array<f32, SPANS>;
var<workgroup> span_i: array<u32, SPANS>;

const LOWEST = -3.0e38;

// Sum over lanes. The barriers also order what was written before.
fn total(lane: u32, value: f32) -> f32 {
  await_readers();
  part_a[lane] = value;
  workgroupBarrier();
  let first = lane - lane % SPAN;
  var sum = 0.0;
  for (var i = 0u; i < SPAN; i += STEP) {
    for (var j = 0u; j < STEP; j++) { // unroll
      sum += part_a[first + i + j];
    }
  }
  if (SPANS == 1u) { return sum; }
  if (lane == first) { span_a[lane / SPAN] = sum; }
  workgroupBarrier();
  sum = 0.0;
  for (var i = 0u; i < SPANS; i++) { // unroll
    sum += span_a[i];
  }
  return sum;
}

struct Top { z: f32, id: u32 }

// Largest value and its lowest id over lanes.
fn highest(lane: u32, z: f32, id: u32) -> Top {
  await_readers();
  part_b[lane] = z;
  part_i[lane] = id;
  workgroupBarrier();
  let first = lane - lane % SPAN;
  var top = Top(LOWEST, 0xffffffffu);
  for (var i = 0u; i < SPAN; i += STEP) {
    for (var j = 0u; j < STEP; j++) { // unroll
      top = higher(top, Top(part_b[first + i + j], part_i[first + i + j]));
    }
  }
  if (SPANS == 1u) { return top; }
  if (lane == first) {
    span_b[lane / SPAN] = top.z;
    span_i[lane / SPAN] = top.id;
  }
  workgroupBarrier();
  top = Top(LOWEST, 0xffffffffu);
  for (var i = 0u; i < SPANS; i++) { // unroll
    top = higher(top, Top(span_b[i], span_i[i]));
  }
  return top;
}

fn higher(top: Top, other: Top) -> Top {
  let better = (other.z > top.z) | ((other.z == top.z) & (other.id < top.id));
  return Top(select(top.z, other.z, better), select(top.id, other.id, better));
}

// Before a reduction writes what the one before may still be read from; the barrier between its two steps
// sees to that where there are two.
fn await_readers() {
  if (SPANS == 1u) { workgroupBarrier(); }
}
