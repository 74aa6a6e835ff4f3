// Ends a pass for one slot per workgroup: accepts drawn tokens, edits settled ones, writes the trace, and
// moves the slot on. This is the one unmasking rule; policies differ in the numbers they put in a slot.
//   accept: masked rows with c > threshold (or c >= min(threshold, best - 1e-5); or c > low_threshold, where no
//   masked row between the settled ones around has more); if they are fewer than needed, the `need` best masked
//   rows instead (equal confidence: lower position).
//   edit: rows settled in this block's generated part whose drawn token differs, c > edit_threshold.
//   move: what indel.wgsl says of drawn edits.
// A slot whose block is done moves on to the next one, whose first pass also stores the block's final keys
// and values, unless a pass before it does (plan.wgsl).
// Lanes share the block's rows and add what they count to atomics: whole numbers, so the order does not matter.
struct Params {
  slots: u32, mask: u32, eos0: u32, eos1: u32, eos2: u32, eos3: u32, remove: u32, split: u32, trace: u32,
  trace_stride: u32, stats_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> live: array<u32>;
@group(0) @binding(2) var<storage, read_write> slots: array<Slot>;
@group(0) @binding(3) var<storage, read_write> canvas: array<u32>;        // [slots, CANVAS] token ids
@group(0) @binding(4) var<storage, read_write> confidence: array<f32>;    // [slots, CANVAS]
@group(0) @binding(5) var<storage, read> drawn: array<vec4u>;             // [rows] (token, confidence bits, kept, finite)
@group(0) @binding(6) var<storage, read_write> stats: array<vec2u>;       // [slots, blocks] (steps, forwards)
@group(0) @binding(7) var<storage, read_write> trace: array<vec4u>;       // [passes, slots, 1 + BLOCK]
@group(0) @binding(8) var<storage, read_write> notes: array<vec2u>;       // [slots, BLOCK, 1 + BLOCK] see indel.wgsl
var<workgroup> c_of: array<f32, BLOCK>;        // confidence of masked rows, -1 elsewhere
var<workgroup> old_of: array<u32, BLOCK>;      // ids before the step
var<workgroup> now_of: array<u32, BLOCK>;      // and after it
var<workgroup> sure_of: array<f32, BLOCK>;     // their confidence
var<workgroup> kind_of: array<u32, BLOCK>;     // 0 kept, 1 accepted, 2 edited
var<workgroup> mode: u32;                      // 0 nothing to do, 2 rows may move, else 1; the same in all lanes
var<workgroup> broken_rows: atomic<u32>;
var<workgroup> masked_rows: atomic<u32>;
var<workgroup> original_rows: atomic<u32>;     // masked ones that no edit made
var<workgroup> waiting_rows: atomic<u32>;      // of those, the ones that are not accepted
var<workgroup> best_bits: atomic<u32>;         // of the largest confidence; floats from 0 on are ordered like their bits
var<workgroup> high_rows: atomic<u32>;
var<workgroup> edited_rows: atomic<u32>;
var<workgroup> left_rows: atomic<u32>;
var<workgroup> changed_rows: atomic<u32>;
var<workgroup> eos_accepted_rows: atomic<u32>;
// Of the generated part once changed, counted from the end of the largest block so that 0 means there is none.
var<workgroup> first_eos: atomic<u32>;
var<workgroup> first_mask: atomic<u32>;

fn is_eos(token: u32) -> bool {
  return token == p.eos0 || token == p.eos1 || token == p.eos2 || token == p.eos3;
}

// Whether a masked row is to be accepted for its own confidence.
fn passes(slot: Slot, i: u32, threshold: f32) -> bool {
  let c = c_of[i];
  if (c > threshold) { return true; }
  if ((slot.rules & RULE_RELATIVE) != 0u) { return c == threshold; }
  if ((slot.rules & RULE_RUNS) == 0u || c <= slot.low_threshold) { return false; }
  var leads = true;
  for (var j = i; j > 0u && c_of[j - 1u] >= 0.0; j--) { leads = leads && c_of[j - 1u] <= c; }
  for (var j = i + 1u; j < slot.block && c_of[j] >= 0.0; j++) { leads = leads && c_of[j] <= c; }
  return leads;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let s = group.x;
  // Every lane decides from this copy, read before any lane changes the slot.
  let slot = slots[s];
  storageBarrier();
  let trace_at = ((live[2] - 1u) * p.slots + s) * p.trace_stride;
  if (p.trace == 1u && lane == 0u) { trace[trace_at] = vec4u(0u); }
  let first = live[4u + s];
  let at = s * CANVAS + slot.block_start;
  let denoising = denoises(slot.phase, live[3]);
  // Logits that are not finite end the record with its canvas as it was, so that the pass can be repeated.
  if (denoising) {
    for (var i = lane; i < slot.block; i += LANES) {
      let draw = drawn[first + i];
      let masked = canvas[at + i] == p.mask;
      let original = is_original(slot, s, i, masked);
      let c = select(-1.0, bitcast<f32>(draw.y), masked);
      c_of[i] = c;
      old_of[i] = canvas[at + i];
      original_of[i] = select(0u, 1u, original);
      if (c >= 0.0) {
        atomicAdd(&masked_rows, 1u);
        atomicMax(&best_bits, bitcast<u32>(c));
        if (original) { atomicAdd(&original_rows, 1u); }
      }
      if (draw.w == 0u) { atomicAdd(&broken_rows, 1u); }
    }
  }
  workgroupBarrier();
  let finite = atomicLoad(&broken_rows) == 0u;
  if (!finite && lane == 0u) { slots[s].phase = DONE; slots[s].reason = 3u; }
  if (slot.phase == COMMIT && !denoising && lane == 0u) { slots[s].phase = DENOISE; }
  if (lane == 0u) { mode = select(0u, select(1u, 2u, is_indel(slot)), denoising && finite); }
  let doing = workgroupUniformLoad(&mode);
  if (doing == 0u) { return; }

  let masked = atomicLoad(&masked_rows);
  let original = atomicLoad(&original_rows);
  let best = bitcast<f32>(atomicLoad(&best_bits));
  var threshold = slot.threshold;
  if ((slot.rules & RULE_RELATIVE) != 0u) { threshold = min(threshold, best - 1e-5); }
  for (var i = lane; i < slot.block; i += LANES) {
    if (c_of[i] >= 0.0 && passes(slot, i, threshold)) { atomicAdd(&high_rows, 1u); }
  }
  workgroupBarrier();
  let post = slot.post + select(0u, 1u, original == 0u);
  let over_budget = (slot.rules & RULE_CAP_AFTER) != 0u && post > slot.max_post;
  let editing = (slot.rules & RULE_EDIT) != 0u && !over_budget;
  var last_round = doing == 2u && ((slot.max_post > 0u && post >= slot.max_post) || slot.step + 1u >= MOST_STEPS);
  // What a schedule shares out: a whole block, or where rows move the masks that it began with.
  let spread = select(slot.block, select(slot.minimum, masked, slot.step == 0u), doing == 2u);
  var need = slot.minimum;
  if ((slot.rules & RULE_SCHEDULE) != 0u) {
    need = spread / slot.steps + select(0u, 1u, slot.step < spread % slot.steps) + masked - original;
  }
  if (last_round || (doing == 2u && slot.step >= slot.steps)) { need = masked; }
  let fallback = masked > 0u && atomicLoad(&high_rows) < need;
  for (var i = lane; i < slot.block; i += LANES) {
    let c = c_of[i];
    let token = drawn[first + i].x;
    let old = old_of[i];
    var kind = 0u;
    if (c >= 0.0) {
      if (fallback) {
        var better = 0u;
        for (var j = 0u; j < slot.block; j++) {
          better += select(0u, 1u, c_of[j] > c || (c_of[j] == c && j < i));
        }
        kind = select(0u, 1u, better < need);
      } else {
        kind = select(0u, 1u, passes(slot, i, threshold));
      }
      if (kind == 0u && original_of[i] == 1u) { atomicAdd(&waiting_rows, 1u); }
    } else if (editing && slot.block_start + i >= slot.prompt && token != old) {
      kind = select(0u, 2u, bitcast<f32>(drawn[first + i].y) > slot.edit_threshold);
    }
    kind_of[i] = kind;
  }
  workgroupBarrier();
  if (doing == 2u && slot.max_post == 0u && original > 0u) {
    last_round = last_round || atomicLoad(&waiting_rows) == 0u;
  }
  for (var i = lane; i < slot.block; i += LANES) {
    if (last_round && c_of[i] >= 0.0) { kind_of[i] = 1u; }
    let draw = drawn[first + i];
    let changes = kind_of[i] != 0u;
    now_of[i] = select(old_of[i], draw.x, changes);
    sure_of[i] = select(confidence[at + i], bitcast<f32>(draw.y), changes);
    if (doing == 2u) { without_edit(slot, s, i, last_round); }
  }
  if (doing == 2u) {
    workgroupBarrier();
    leave_circle(slot, s, lane, last_round);
  }
  for (var i = lane; i < slot.block; i += LANES) {
    let kind = kind_of[i];
    if (kind == 1u && slot.block_start + i >= slot.prompt && is_eos(now_of[i])) { atomicAdd(&eos_accepted_rows, 1u); }
    if (kind == 2u) { atomicAdd(&edited_rows, 1u); }
    if (p.trace == 1u) {
      // Where nothing changed, what was drawn.
      let shown = select(drawn[first + i].xy, vec2u(now_of[i], bitcast<u32>(sure_of[i])), kind != 0u);
      trace[trace_at + 1u + i] = vec4u(kind, old_of[i], shown);
    }
  }
  if (doing == 2u) {
    storageBarrier(); // between other lanes' notes and confidences and one lane's
    if (lane == 0u) { move_rows(slot, s, at); }
    storageBarrier();
    workgroupBarrier();
    for (var i = lane; i < slot.block; i += LANES) {
      now_of[i] = next_of[i];
      sure_of[i] = next_sure[i];
    }
  }
  for (var i = lane; i < slot.block; i += LANES) {
    let now = now_of[i];
    canvas[at + i] = now;
    confidence[at + i] = sure_of[i];
    if (now != old_of[i]) { atomicAdd(&changed_rows, 1u); }
    if (now == p.mask) { atomicAdd(&left_rows, 1u); }
    if (slot.block_start + i >= slot.prompt) {
      if (now == p.mask) { atomicMax(&first_mask, BLOCK - i); }
      if (is_eos(now)) { atomicMax(&first_eos, BLOCK - i); }
    }
  }
  workgroupBarrier();
  if (lane != 0u) { return; }

  let edited = atomicLoad(&edited_rows);
  let eos = atomicLoad(&first_eos) > 0u;
  let mask_before_eos = atomicLoad(&first_mask) > atomicLoad(&first_eos);
  let eos_accepted = atomicLoad(&eos_accepted_rows) > 0u;
  let left = atomicLoad(&left_rows);
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
    if ((slot.rules & (RULE_CAP_AFTER | RULE_INDEL)) == 0u) { done = done || (left == 0u && post + 1u > slot.max_post); }
  }
  if (doing == 2u) {
    let still = (slot.rules & RULE_EDIT) == 0u || atomicLoad(&changed_rows) == 0u;
    done = last_round || (left == 0u && (still || slot.max_post == 0u));
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
  let moves = phase == COMMIT;
  slots[s].phase = phase;
  slots[s].reason = reason;
  slots[s].block_start = slot.block_start + select(0u, slot.block, moves);
  slots[s].minimum = select(slot.minimum, masked, doing == 2u && slot.step == 0u);
  slots[s].post = select(post, 0u, moves);
  slots[s].step = select(slot.step + 1u, 0u, moves);
  slots[s].draws = slot.draws + 1u;
  let block_at = s * p.stats_stride + slot.block_start / slot.block;
  // Forwards are those of the published algorithms, which store a block by one of its own.
  let steps = slot.step + 1u;
  stats[block_at] = vec2u(steps, steps + select(0u, 1u, moves));
}
