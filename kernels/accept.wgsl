// Ends a pass for one slot per workgroup: accepts drawn tokens, edits settled ones, writes the trace, and
// moves the slot on. This is the one unmasking rule; policies differ in the numbers they put in a slot.
//   accept: masked rows with c > threshold (or c >= min(threshold, best - 1e-5)); if they are fewer than
//   needed, the `need` best masked rows instead (equal confidence: lower position).
//   edit: rows settled in this block's generated part whose drawn token differs, c > edit_threshold.
// A committing slot has just stored final keys and values; it only moves to its next block.
struct Params {
  slots: u32, mask: u32, eos0: u32, eos1: u32, eos2: u32, eos3: u32, trace: u32, trace_stride: u32,
  stats_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> live: array<u32>;
@group(0) @binding(2) var<storage, read_write> slots: array<Slot>;
@group(0) @binding(3) var<storage, read_write> canvas: array<u32>;        // [slots, CANVAS] token ids
@group(0) @binding(4) var<storage, read_write> confidence: array<f32>;    // [slots, CANVAS]
@group(0) @binding(5) var<storage, read> drawn: array<vec4u>;             // [rows] (token, confidence bits, kept, finite)
@group(0) @binding(6) var<storage, read_write> stats: array<vec2u>;       // [slots, blocks] (steps, forwards)
@group(0) @binding(7) var<storage, read_write> trace: array<vec4u>;       // [passes, slots, 1 + BLOCK]
var<workgroup> c_of: array<f32, BLOCK>;       // confidence of masked rows, -1 elsewhere
var<workgroup> goes_on: u32;                  // a copy that compilers know to be the same in all lanes
var<workgroup> change: array<u32, BLOCK>;     // 0 none, 1 accepted, 2 edited

fn is_eos(token: u32) -> bool {
  return token == p.eos0 || token == p.eos1 || token == p.eos2 || token == p.eos3;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let s = group.x;
  // Every lane decides from this copy, read before any lane changes the slot.
  let slot = slots[s];
  workgroupBarrier();
  let trace_at = ((live[2] - 1u) * p.slots + s) * p.trace_stride;
  if (p.trace == 1u && lane == 0u) { trace[trace_at] = vec4u(0u); }
  if (slot.phase == COMMIT && lane == 0u) {
    slots[s].phase = DENOISE;
    slots[s].block_start = slot.block_start + slot.block;
    slots[s].step = 0u;
    slots[s].post = 0u;
    slots[s].committed = slot.committed + 1u;
  }
  let first = live[4u + s];
  let at = s * CANVAS + slot.block_start;
  // Logits that are not finite end the record with its canvas as it was, so that the pass can be repeated.
  var finite = 1u;
  if (slot.phase == DENOISE) {
    for (var i = 0u; i < slot.block; i++) { finite = min(finite, drawn[first + i].w); }
  }
  if (finite == 0u && lane == 0u) { slots[s].phase = DONE; slots[s].reason = 3u; }
  if (lane == 0u) { goes_on = select(0u, 1u, slot.phase == DENOISE && finite == 1u); }
  if (workgroupUniformLoad(&goes_on) == 0u) { return; }

  for (var i = lane; i < slot.block; i += LANES) {
    let masked = canvas[at + i] == p.mask;
    c_of[i] = select(-1.0, bitcast<f32>(drawn[first + i].y), masked);
    change[i] = 0u;
  }
  workgroupBarrier();
  var masked = 0u;
  var best = 0.0;
  for (var i = 0u; i < slot.block; i++) {
    masked += select(0u, 1u, c_of[i] >= 0.0);
    best = max(best, c_of[i]);
  }
  var threshold = slot.threshold;
  let relative = (slot.rules & RULE_RELATIVE) != 0u;
  if (relative) { threshold = min(threshold, best - 1e-5); }
  var high = 0u;
  for (var i = 0u; i < slot.block; i++) {
    high += select(0u, 1u, c_of[i] >= 0.0 && (c_of[i] > threshold || (relative && c_of[i] == threshold)));
  }
  var need = slot.minimum;
  if ((slot.rules & RULE_SCHEDULE) != 0u) {
    need = slot.block / slot.steps + select(0u, 1u, slot.step < slot.block % slot.steps);
  }
  let fallback = masked > 0u && high < need;
  let post = slot.post + select(0u, 1u, masked == 0u);
  let over_budget = (slot.rules & RULE_CAP_AFTER) != 0u && post > slot.max_post;
  let editing = (slot.rules & RULE_EDIT) != 0u && !over_budget;
  for (var i = lane; i < slot.block; i += LANES) {
    let c = c_of[i];
    let token = drawn[first + i].x;
    let old = canvas[at + i];
    var kind = 0u;
    if (c >= 0.0) {
      if (fallback) {
        var better = 0u;
        for (var j = 0u; j < slot.block; j++) {
          better += select(0u, 1u, c_of[j] > c || (c_of[j] == c && j < i));
        }
        kind = select(0u, 1u, better < need);
      } else {
        kind = select(0u, 1u, c > threshold || (relative && c == threshold));
      }
    } else if (editing && slot.block_start + i >= slot.prompt && token != old) {
      kind = select(0u, 2u, bitcast<f32>(drawn[first + i].y) > slot.edit_threshold);
    }
    change[i] = kind;
    if (kind != 0u) {
      canvas[at + i] = token;
      confidence[at + i] = bitcast<f32>(drawn[first + i].y);
    }
    if (p.trace == 1u) { trace[trace_at + 1u + i] = vec4u(kind, old, token, drawn[first + i].y); }
  }
  storageBarrier();
  workgroupBarrier();
  if (lane != 0u) { return; }

  var accepted = 0u;
  var edited = 0u;
  var eos = false;
  var mask_before_eos = false;
  var eos_accepted = false;
  var masks = 0u;
  for (var i = 0u; i < slot.block; i++) {
    accepted += select(0u, 1u, change[i] == 1u);
    edited += select(0u, 1u, change[i] == 2u);
    let token = canvas[at + i];
    if (slot.block_start + i < slot.prompt) { continue; }
    if (token == p.mask) { masks++; }
    if (!eos && is_eos(token)) { eos = true; mask_before_eos = masks > 0u; }
    if (change[i] == 1u && is_eos(token)) { eos_accepted = true; }
  }
  let left = masked - accepted;
  if (p.trace == 1u) {
    // Steps that only find the edit budget used up are counted but not part of the trace.
    let listed = select(1u, 0u, over_budget);
    let flags = listed + select(0u, 2u, fallback);
    trace[trace_at] = vec4u(flags + 4u * slot.block_start, slot.step, masked, left);
  }
  var done = left == 0u;
  if ((slot.rules & RULE_SCHEDULE) != 0u) { done = done || slot.step + 1u >= slot.steps; }
  if ((slot.rules & RULE_EDIT) != 0u) {
    done = (masked == 0u && edited == 0u) || over_budget;
    // HF looks at the budget before the next forward.
    if ((slot.rules & RULE_CAP_AFTER) == 0u) { done = done || (left == 0u && post + 1u > slot.max_post); }
  }
  var phase = DENOISE;
  var reason = 0u;
  if ((slot.rules & RULE_STOP_INSIDE) != 0u && eos_accepted && !mask_before_eos) { phase = DONE; reason = 1u; }
  if (done && phase != DONE) {
    let last = slot.block_start + slot.block >= slot.end;
    if ((slot.rules & RULE_STOP_AFTER_BLOCK) != 0u && eos) { phase = DONE; reason = 1u; }
    else if (last) { phase = DONE; reason = 2u; }
    else { phase = COMMIT; }
  }
  slots[s].phase = phase;
  slots[s].reason = reason;
  slots[s].masked = left;
  slots[s].post = post;
  slots[s].step = slot.step + 1u;
  slots[s].draws = slot.draws + 1u;
  slots[s].denoised = slot.denoised + 1u;
  let block_at = s * p.stats_stride + slot.block_start / slot.block;
  let forwards = slot.step + 1u;
  stats[block_at] = vec2u(forwards, forwards + select(0u, 1u, phase == COMMIT));
}
