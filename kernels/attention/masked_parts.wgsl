// Lanes of masked attention of which PARTS share an item's channels: a workgroup walks the spans of all
// its items together, so that lanes meet at the barriers.
const SHARES = false;
var<workgroup> partial: array<f32, TURN * LANES>;

fn meet(next: u32, item0: u32, last: u32, at: u32) -> u32 {
  var nearest = NONE;
  for (var i = 0u; i < ROWS; i++) { nearest = min(nearest, next_met(load_spans(min(item0 + i, last)), at)); }
  return nearest;
}

fn share(held: vec4f, t: u32) -> vec4f { return held; }

// Sums over an item's lanes, in their order.
fn whole(lane: u32, part: array<f32, TURN>) -> array<f32, TURN> {
  var sums = part;
  workgroupBarrier(); // others may still read the sums before
  for (var t = 0u; t < TURN; t++) { // unroll
    partial[t * LANES + lane] = sums[t];
  }
  workgroupBarrier();
  for (var t = 0u; t < TURN; t++) { // unroll
    sums[t] = 0.0;
    for (var i = 0u; i < PARTS; i++) { // unroll
      sums[t] += partial[t * LANES + lane - lane % PARTS + i];
    }
  }
  return sums;
}
