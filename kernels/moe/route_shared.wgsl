// As route.wgsl, for GPUs: a workgroup takes one row and its lanes share the experts, where one lane a row
// would walk all of them ten times while the rest of the GPU waits. A CPU driver pays more for the barriers.
// A place is how many are better, so nothing waits for the choice before: first among the experts of a group,
// of which the LIST best can matter, then among those of the groups that stay.
// Sums run in the same order, so both give the same bits.
var<workgroup> s_of: array<f32, EXPERTS>;
var<workgroup> u_of: array<array<f32, PER_GROUP>, GROUPS>;
var<workgroup> best_u: array<array<f32, LIST>, GROUPS>;        // each group's largest u, falling
var<workgroup> best_expert: array<array<u32, LIST>, GROUPS>;
var<workgroup> stays: array<u32, GROUPS>;                      // 0 or 1; lanes that write neighbouring bools lose some
var<workgroup> picked: array<u32, TOP_K>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x;
  if (row >= live[p.rows_at]) { return; }
  for (var e = lane; e < EXPERTS; e += LANES) {
    let s = 1.0 / (1.0 + exp(-logits[row * EXPERTS + e]));
    s_of[e] = s;
    u_of[e / PER_GROUP][e % PER_GROUP] = s + bias[row / p.block * EXPERTS + e];
  }
  workgroupBarrier();
  for (var e = lane; e < EXPERTS; e += LANES) {
    let g = e / PER_GROUP;
    let u = u_of[g][e % PER_GROUP];
    var place = 0u;
    for (var from_ = 0u; from_ < PER_GROUP; from_ += STRIDE) {
      for (var i = 0u; i < STRIDE; i++) { // unroll
        let other = u_of[g][from_ + i];
        place += u32((other > u) | ((other == u) & (from_ + i < e % PER_GROUP)));
      }
    }
    if (place < LIST) {
      best_u[g][place] = u;
      best_expert[g][place] = e;
    }
  }
  workgroupBarrier();
  for (var g = lane; g < GROUPS; g += LANES) {
    let score = group_score(g);
    var place = 0u;
    for (var i = 0u; i < GROUPS; i++) { // unroll
      let other = group_score(i);
      place += u32((other > score) | ((other == score) & (i < g)));
    }
    stays[g] = select(0u, 1u, place < p.top_groups);
  }
  workgroupBarrier();
  // Where u is NaN, places are not told apart and some of `picked` stay 0; any expert will do for a row that is
  // refused later.
  for (var candidate = lane; candidate < GROUPS * LIST; candidate += LANES) {
    let g = candidate / LIST;
    var place = candidate % LIST;
    let u = best_u[g][place];
    for (var i = 0u; i < GROUPS; i++) { // unroll
      let counts = (stays[i] == 1u) & (i != g);
      for (var n = 0u; n < LIST; n++) { // unroll
        let other = best_u[i][n];
        place += u32(counts & ((other > u) | ((other == u) & (i < g))));
      }
    }
    if (stays[g] == 1u && place < TOP_K) { picked[place] = best_expert[g][candidate % LIST]; }
  }
  workgroupBarrier();
  let choices = TOP_K + p.shared_experts;
  var sum = 0.0;
  for (var n = 0u; n < TOP_K; n++) { // unroll
    sum += s_of[picked[n]];
  }
  for (var n = lane; n < choices; n += LANES) {
    let at = row * choices + n;
    if (n < TOP_K) {
      let s = s_of[picked[n]];
      chosen[at] = picked[n];
      routing[at] = select(s, s / (sum + 1e-20), p.normalize == 1u && TOP_K > 1u) * p.scaling;
    } else {
      chosen[at] = EXPERTS + n - TOP_K;
      routing[at] = 1.0;
    }
  }
}

// Sum of a group's two largest u.
fn group_score(g: u32) -> f32 {
  return select(best_u[g][0] + best_u[g][min(1u, LIST - 1u)], best_u[g][0], PER_GROUP == 1u);
}
