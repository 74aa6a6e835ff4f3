// As group.wgsl, for GPUs: a workgroup takes one expert and its lanes share the choices, so that none walks
// many of them one by one. Each workgroup counts those of all experts before its own, which gives its place
// in the order and in the tiles; its own are bits of a set, so they come out by row however they went in.
var<workgroup> counts: array<atomic<u32>, EXPERTS>;   // of the experts before this one
var<workgroup> members: array<atomic<u32>, LANES>;    // a bit for each choice of a stretch: whether it is this expert
var<workgroup> lane_sums: array<vec2u, LANES>;
var<workgroup> span_sums: array<vec2u, SPANS>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let expert = group.x;
  let assignments = live[p.rows_at] * p.choices;
  let last = max(assignments, 1u) - 1u;
  for (var from_ = lane; from_ < assignments; from_ += 8u * LANES) {
    var e: array<u32, 8>; // all on their way before the first is looked at
    for (var i = 0u; i < 8u; i++) { // unroll
      e[i] = chosen[min(from_ + i * LANES, last)];
    }
    for (var i = 0u; i < 8u; i++) { // unroll
      if ((from_ + i * LANES < assignments) & (e[i] < expert)) { atomicAdd(&counts[e[i]], 1u); }
    }
  }
  workgroupBarrier();
  var mine = vec2u();
  for (var e = lane; e < expert; e += LANES) {
    let count = atomicLoad(&counts[e]);
    mine += vec2u(count, (count + TM - 1u) / TM);
  }
  let before = sums_of(lane, mine).all;
  var next = before.x;
  for (var first = 0u; first < assignments; first += 32u * LANES) {
    atomicStore(&members[lane], 0u);
    workgroupBarrier();
    let end = min(32u * LANES, assignments - first);
    for (var from_ = lane; from_ < end; from_ += 8u * LANES) {
      var e: array<u32, 8>;
      for (var i = 0u; i < 8u; i++) { // unroll
        e[i] = chosen[min(first + from_ + i * LANES, last)];
      }
      for (var i = 0u; i < 8u; i++) { // unroll
        let a = from_ + i * LANES;
        if ((a < end) & (e[i] == expert)) { atomicOr(&members[a / 32u], 1u << (a % 32u)); }
      }
    }
    workgroupBarrier();
    let word = atomicLoad(&members[lane]);
    let places = sums_of(lane, vec2u(countOneBits(word), 0u));
    var place = next + places.before.x;
    for (var rest = word; rest != 0u; rest &= rest - 1u) {
      order[place] = first + 32u * lane + firstTrailingBit(rest);
      place++;
    }
    next += places.all.x;
  }
  let count = next - before.x;
  let needed = (count + TM - 1u) / TM;
  for (var tile = lane; tile < needed; tile += LANES) {
    tiles[1u + before.y + tile] = vec4u(expert, before.x + tile * TM, min(TM, count - tile * TM), 0u);
  }
  if (lane == 0u) {
    segments[expert] = vec2u(before.x, count);
    if (expert == EXPERTS - 1u) { tiles[0] = vec4u(before.y + needed, 0u, 0u, 0u); }
  }
}

struct Sums { before: vec2u, all: vec2u }

// Sums over the lanes before this one and over all: within spans of SPAN lanes, then over the spans.
fn sums_of(lane: u32, mine: vec2u) -> Sums {
  lane_sums[lane] = mine;
  workgroupBarrier();
  let first = lane - lane % SPAN;
  var span = vec2u();
  var before = vec2u();
  for (var i = 0u; i < SPAN; i++) { // unroll
    let other = lane_sums[first + i];
    span += other;
    before += select(vec2u(), other, first + i < lane);
  }
  if (lane == first) { span_sums[lane / SPAN] = span; }
  workgroupBarrier();
  var all = vec2u();
  for (var i = 0u; i < SPANS; i++) { // unroll
    let other = span_sums[i];
    all += other;
    before += select(vec2u(), other, i < lane / SPAN);
  }
  return Sums(before, all);
}
