// The MoE gate of one row per lane: s = sigmoid(logits), u = s + bias; a group scores the sum of its two
// largest u; the top_groups best groups stay, then the top_k largest u among them. Weights are s of the
// chosen, normalized, times `scaling`; shared experts follow as choices of weight 1. Ties: lower index.
// So many rows as `block` says share a bias; with block routing it leaves them a few experts (pool.wgsl).
const EXCLUDED = -3.0e38;   // as in pool.wgsl

fn score(row: u32, expert: u32) -> f32 {
  return 1.0 / (1.0 + exp(-logits[row * EXPERTS + expert]));
}

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let row = id.x;
  if (row >= live[p.rows_at]) { return; }
  let bias_at = row / p.block * EXPERTS;
  var group_score: array<f32, GROUPS>;
  for (var g = 0u; g < GROUPS; g++) {
    var first = -3.0e38;
    var second = -3.0e38;
    for (var i = 0u; i < PER_GROUP; i++) {
      let u = score(row, g * PER_GROUP + i) + bias[bias_at + g * PER_GROUP + i];
      second = max(second, min(first, u));
      first = max(first, u);
    }
    group_score[g] = select(first + second, first, PER_GROUP == 1u);
  }
  var kept: array<bool, GROUPS>;
  for (var n = 0u; n < p.top_groups; n++) {
    var best = 0u;
    var found = false;
    for (var g = 0u; g < GROUPS; g++) {
      if (!kept[g] && (!found || group_score[g] > group_score[best])) { best = g; found = true; }
    }
    kept[best] = true;
  }
  let choices = TOP_K + p.shared_experts;
  var last_u = 3.0e38;
  var last_expert = 0u;
  var total = 0.0;
  for (var n = 0u; n < TOP_K; n++) {
    var best_u = -3.0e38;
    var best = 0u;
    for (var g = 0u; g < GROUPS; g++) {
      if (!kept[g]) { continue; }
      for (var i = 0u; i < PER_GROUP; i++) {
        let expert = g * PER_GROUP + i;
        let b = bias[bias_at + expert];
        if (b == EXCLUDED) { continue; }
        let u = score(row, expert) + b;
        let after_last = u < last_u || (u == last_u && expert > last_expert);
        if (after_last && u > best_u) { best_u = u; best = expert; }
      }
    }
    last_u = best_u;
    last_expert = best;
    chosen[row * choices + n] = best;
    let s = score(row, best);
    routing[row * choices + n] = s;
    total += s;
  }
  for (var n = 0u; n < TOP_K; n++) {
    let at = row * choices + n;
    routing[at] = select(routing[at], routing[at] / (total + 1e-20), p.normalize == 1u && TOP_K > 1u) * p.scaling;
  }
  for (var n = 0u; n < p.shared_experts; n++) {
    chosen[row * choices + TOP_K + n] = EXPERTS + n;
    routing[row * choices + TOP_K + n] = 1.0;
  }
}
