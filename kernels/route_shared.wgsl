// As route.wgsl, for GPUs: a workgroup takes one row and its lanes share the experts, where one lane a row
// would walk all of them ten times while the rest of the GPU waits. A CPU driver pays more for the barriers.
// Sums run in the same order, so both give the same bits.
struct Params {
  rows_at: u32, experts: u32, top_groups: u32, top_k: u32, shared_experts: u32,
  normalize: u32, scaling: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> live: array<u32>;
@group(0) @binding(2) var<storage, read> logits: array<f32>;           // [rows, experts]
@group(0) @binding(3) var<storage, read> bias: array<f32>;             // [experts]
@group(0) @binding(4) var<storage, read_write> chosen: array<u32>;     // [rows, top_k + shared] expert
@group(0) @binding(5) var<storage, read_write> routing: array<f32>;    // [rows, top_k + shared] weight
var<workgroup> s_of: array<f32, EXPERTS>;
var<workgroup> u_of: array<f32, EXPERTS>;     // LOWEST once an expert is out or taken
var<workgroup> group_score: array<f32, GROUPS>;
var<workgroup> picked: array<u32, CHOICES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x;
  if (row >= live[p.rows_at]) { return; }
  for (var e = lane; e < EXPERTS; e += LANES) {
    let s = 1.0 / (1.0 + exp(-logits[row * EXPERTS + e]));
    s_of[e] = s;
    u_of[e] = s + bias[e];
  }
  workgroupBarrier();
  let per_group = EXPERTS / GROUPS;
  for (var g = lane; g < GROUPS; g += LANES) {
    var first = LOWEST;
    var second = LOWEST;
    for (var i = 0u; i < per_group; i++) {
      let u = u_of[g * per_group + i];
      second = max(second, min(first, u));
      first = max(first, u);
    }
    group_score[g] = select(first + second, first, per_group == 1u);
  }
  workgroupBarrier();
  for (var e = lane; e < EXPERTS; e += LANES) {
    let mine = e / per_group;
    var better = 0u;
    for (var g = 0u; g < GROUPS; g++) {
      let ahead = group_score[g] > group_score[mine] || (group_score[g] == group_score[mine] && g < mine);
      better += select(0u, 1u, ahead);
    }
    if (better >= p.top_groups) { u_of[e] = LOWEST; }
  }
  for (var n = 0u; n < p.top_k; n++) {
    var mine = Top(LOWEST, 0xffffffffu);
    for (var e = lane; e < EXPERTS; e += LANES) {
      if (u_of[e] > mine.z) { mine = Top(u_of[e], e); }
    }
    // Nothing is best where all is NaN; any expert will do for a row that is refused later.
    let best = min(highest(lane, mine.z, mine.id).id, EXPERTS - 1u);
    if (best % LANES == lane) { u_of[best] = LOWEST; }
    if (lane == 0u) { picked[n] = best; }
  }
  workgroupBarrier();
  let choices = p.top_k + p.shared_experts;
  var sum = 0.0;
  for (var n = 0u; n < p.top_k; n++) { sum += s_of[picked[n]]; }
  for (var n = lane; n < choices; n += LANES) {
    let at = row * choices + n;
    if (n < p.top_k) {
      let s = s_of[picked[n]];
      chosen[at] = picked[n];
      routing[at] = select(s, s / (sum + 1e-20), p.normalize == 1u && p.top_k > 1u) * p.scaling;
    } else {
      chosen[at] = p.experts + n - p.top_k;
      routing[at] = 1.0;
    }
  }
}
