// Block routing's first half (LLaDA2.2): the experts that the rows of a block may choose from. An expert scores
// the largest u = s + bias, s = sigmoid(logits), that any row of the block gives it; the CAPACITY best stay, ties
// by lower index. Leaves the bias of those, and for the others one that no row chooses (route.wgsl).
// A workgroup takes a block, whose rows follow each other in the pass; an expert's place is how many are better.
struct Params { rows_at: u32, block: u32, capacity: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> live: array<u32>;
@group(0) @binding(2) var<storage, read> logits: array<f32>;           // [rows, EXPERTS]
@group(0) @binding(3) var<storage, read> bias: array<f32>;             // [EXPERTS]
@group(0) @binding(4) var<storage, read_write> pool: array<f32>;       // [blocks, EXPERTS] bias
var<workgroup> best: array<f32, PADDED>;   // u of each expert, EXCLUDED behind the last

const EXCLUDED = -3.0e38;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = group.x * p.block;
  let end = min(first + p.block, live[p.rows_at]);
  if (first >= end) { return; }
  for (var e = lane; e < PADDED; e += LANES) {
    var u = EXCLUDED;
    if (e < EXPERTS) {
      // The sigmoid of the largest logit is the largest sigmoid.
      var most = logits[first * EXPERTS + e];
      for (var row = first + 1u; row < end; row++) { most = max(most, logits[row * EXPERTS + e]); }
      u = 1.0 / (1.0 + exp(-most)) + bias[e];
    }
    best[e] = u;
  }
  workgroupBarrier();
  for (var e = lane; e < EXPERTS; e += LANES) {
    let u = best[e];
    var place = 0u;
    for (var from_ = 0u; from_ < PADDED; from_ += STRIDE) {
      for (var i = 0u; i < STRIDE; i++) { // unroll
        let other = best[from_ + i];
        place += u32((other > u) | ((other == u) & (from_ + i < e)));
      }
    }
    pool[group.x * EXPERTS + e] = select(EXCLUDED, bias[e], place < p.capacity);
  }
}
