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

// What a workgroup works at. Every lane has its own copy of the slot, read before any lane changes it.
struct Work {
  slot: Slot, s: u32, lane: u32,
  at: u32,           // of the block's first row in the canvas
  first: u32,        // and among the drawn rows
  indel: bool,       // whether rows may move
}

// What the step's rows say, once they are counted.
struct Step {
  masked: u32, original: u32, need: u32, post: u32,
  threshold: f32,
  over_budget: bool, editing: bool, fallback: bool, last_round: bool,
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let s = group.x;
  let slot = slots[s];
  storageBarrier();
  let work = Work(slot, s, lane, s * CANVAS + slot.block_start, live[4u + s], is_indel(slot));
  if (p.trace == 1u && lane == 0u) { trace[trace_of(s)] = vec4u(0u); }
  let denoising = denoises(slot.phase, live[3]);
  if (denoising) { look(work); }
  workgroupBarrier();
  // Logits that are not finite end the record with its canvas as it was, so that the pass can be repeated.
  let finite = atomicLoad(&broken_rows) == 0u;
  if (!finite && lane == 0u) { slots[s].phase = DONE; slots[s].reason = 3u; }
  if (slot.phase == COMMIT && !denoising && lane == 0u) { slots[s].phase = DENOISE; }
  if (lane == 0u) { mode = select(0u, select(1u, 2u, work.indel), denoising && finite); }
  let doing = workgroupUniformLoad(&mode);
  if (doing == 0u) { return; }

  var step = first_count(work);
  for (var i = lane; i < slot.block; i += LANES) {
    if (c_of[i] >= 0.0 && passes(slot, i, step.threshold)) { atomicAdd(&high_rows, 1u); }
  }
  workgroupBarrier();
  step.fallback = step.masked > 0u && atomicLoad(&high_rows) < step.need;
  for (var i = lane; i < slot.block; i += LANES) {
    kind_of[i] = kind_at(work, step, i);
    if (c_of[i] >= 0.0 && kind_of[i] == 0u && original_of[i] == 1u) { atomicAdd(&waiting_rows, 1u); }
  }
  workgroupBarrier();
  // Without a budget the step that accepts the last original mask is the last one.
  let settles = work.indel && slot.max_post == 0u && step.original > 0u && atomicLoad(&waiting_rows) == 0u;
  step.last_round = step.last_round || settles;
  for (var i = lane; i < slot.block; i += LANES) { take_draw(work, step, i); }
  if (doing == 2u) {
    workgroupBarrier();
    leave_circle(slot, s, lane, step.last_round);
  }
  for (var i = lane; i < slot.block; i += LANES) { count_change(work, i); }
  if (doing == 2u) {
    storageBarrier(); // between other lanes' notes and confidences and one lane's
    if (lane == 0u) { move_rows(slot, s, work.at); }
    storageBarrier();
    workgroupBarrier();
    for (var i = lane; i < slot.block; i += LANES) {
      now_of[i] = next_of[i];
      sure_of[i] = next_sure[i];
    }
  }
  for (var i = lane; i < slot.block; i += LANES) { store_row(work, i); }
  workgroupBarrier();
  if (lane == 0u) { move_on(work, step); }
}

fn trace_of(s: u32) -> u32 { return ((live[2] - 1u) * p.slots + s) * p.trace_stride; }

// Reads the block's rows.
fn look(work: Work) {
  for (var i = work.lane; i < work.slot.block; i += LANES) {
    let draw = drawn[work.first + i];
    let masked = canvas[work.at + i] == p.mask;
    let original = is_original(work.slot, work.s, i, masked);
    let c = select(-1.0, bitcast<f32>(draw.y), masked);
    c_of[i] = c;
    old_of[i] = canvas[work.at + i];
    original_of[i] = select(0u, 1u, original);
    if (c >= 0.0) {
      atomicAdd(&masked_rows, 1u);
      atomicMax(&best_bits, bitcast<u32>(c));
      if (original) { atomicAdd(&original_rows, 1u); }
    }
    if (draw.w == 0u) { atomicAdd(&broken_rows, 1u); }
  }
}

fn first_count(work: Work) -> Step {
  let slot = work.slot;
  var step: Step;
  step.masked = atomicLoad(&masked_rows);
  step.original = atomicLoad(&original_rows);
  step.threshold = slot.threshold;
  let best = bitcast<f32>(atomicLoad(&best_bits));
  if ((slot.rules & RULE_RELATIVE) != 0u) { step.threshold = min(slot.threshold, best - 1e-5); }
  step.post = slot.post + select(0u, 1u, step.original == 0u);
  step.over_budget = (slot.rules & RULE_CAP_AFTER) != 0u && step.post > slot.max_post;
  step.editing = (slot.rules & RULE_EDIT) != 0u && !step.over_budget;
  let spent = slot.max_post > 0u && step.post >= slot.max_post;
  step.last_round = work.indel && (spent || slot.step + 1u >= MOST_STEPS);
  step.need = slot.minimum;
  if ((slot.rules & RULE_SCHEDULE) != 0u) {
    // What is shared out: a whole block, or where rows move the masks that it began with; those since come on top.
    let spread = select(slot.block, select(slot.minimum, step.masked, slot.step == 0u), work.indel);
    let share = spread / slot.steps + select(0u, 1u, slot.step < spread % slot.steps);
    step.need = share + step.masked - step.original;
  }
  if (work.indel && (step.last_round || slot.step >= slot.steps)) { step.need = step.masked; }
  return step;
}

// Whether a row's draw is accepted (1), edits it (2), or neither.
fn kind_at(work: Work, step: Step, i: u32) -> u32 {
  let slot = work.slot;
  let c = c_of[i];
  if (c < 0.0) {
    let draw = drawn[work.first + i];
    let may = step.editing && slot.block_start + i >= slot.prompt && draw.x != old_of[i];
    return select(0u, 2u, may && bitcast<f32>(draw.y) > slot.edit_threshold);
  }
  if (!step.fallback) { return select(0u, 1u, passes(slot, i, step.threshold)); }
  var better = 0u;
  for (var j = 0u; j < slot.block; j++) {
    better += select(0u, 1u, c_of[j] > c || (c_of[j] == c && j < i));
  }
  return select(0u, 1u, better < step.need);
}

fn take_draw(work: Work, step: Step, i: u32) {
  if (step.last_round && c_of[i] >= 0.0) { kind_of[i] = 1u; }
  let draw = drawn[work.first + i];
  let changes = kind_of[i] != 0u;
  now_of[i] = select(old_of[i], draw.x, changes);
  sure_of[i] = select(confidence[work.at + i], bitcast<f32>(draw.y), changes);
  if (work.indel) { without_edit(work.slot, work.s, i, step.last_round); }
}

fn count_change(work: Work, i: u32) {
  let kind = kind_of[i];
  let answers = work.slot.block_start + i >= work.slot.prompt;
  if (kind == 1u && answers && is_eos(now_of[i])) { atomicAdd(&eos_accepted_rows, 1u); }
  if (kind == 2u) { atomicAdd(&edited_rows, 1u); }
  if (p.trace == 1u) {
    // Where nothing changed, what was drawn.
    let shown = select(drawn[work.first + i].xy, vec2u(now_of[i], bitcast<u32>(sure_of[i])), kind != 0u);
    trace[trace_of(work.s) + 1u + i] = vec4u(kind, old_of[i], shown);
  }
}

fn store_row(work: Work, i: u32) {
  let now = now_of[i];
  canvas[work.at + i] = now;
  confidence[work.at + i] = sure_of[i];
  if (now != old_of[i]) { atomicAdd(&changed_rows, 1u); }
  if (now == p.mask) { atomicAdd(&left_rows, 1u); }
  if (work.slot.block_start + i >= work.slot.prompt) {
    if (now == p.mask) { atomicMax(&first_mask, BLOCK - i); }
    if (is_eos(now)) { atomicMax(&first_eos, BLOCK - i); }
  }
}

// Whether the block is done with this step.
fn is_done(work: Work, step: Step) -> bool {
  let slot = work.slot;
  let left = atomicLoad(&left_rows);
  let edits = (slot.rules & RULE_EDIT) != 0u;
  if (work.indel) {
    let still = !edits || atomicLoad(&changed_rows) == 0u;
    return step.last_round || (left == 0u && (still || slot.max_post == 0u));
  }
  if (!edits) { return left == 0u || ((slot.rules & RULE_SCHEDULE) != 0u && slot.step + 1u >= slot.steps); }
  if ((step.masked == 0u && atomicLoad(&edited_rows) == 0u) || step.over_budget) { return true; }
  // HF looks at the budget before the next forward.
  return (slot.rules & RULE_CAP_AFTER) == 0u && left == 0u && step.post + 1u > slot.max_post;
}

// One lane writes what the slot goes on from.
fn move_on(work: Work, step: Step) {
  let slot = work.slot;
  let s = work.s;
  if (p.trace == 1u) {
    // Steps that only find the edit budget used up are counted but not part of the trace.
    let flags = select(1u, 0u, step.over_budget) + select(0u, 2u, step.fallback);
    trace[trace_of(s)] = vec4u(flags + 4u * slot.block_start, slot.step, step.masked, atomicLoad(&left_rows));
  }
  let eos = atomicLoad(&first_eos);
  let ends_inside = atomicLoad(&eos_accepted_rows) > 0u && atomicLoad(&first_mask) <= eos;
  var phase = DENOISE;
  var reason = 0u;
  if ((slot.rules & RULE_STOP_INSIDE) != 0u && ends_inside) { phase = DONE; reason = 1u; }
  if (phase != DONE && is_done(work, step)) {
    let last = slot.block_start + slot.block >= slot.end;
    if ((slot.rules & RULE_STOP_AFTER_BLOCK) != 0u && eos > 0u) { phase = DONE; reason = 1u; }
    else if (last) { phase = DONE; reason = 2u; }
    else { phase = COMMIT; }
  }
  let moves = phase == COMMIT;
  slots[s].phase = phase;
  slots[s].reason = reason;
  slots[s].block_start = slot.block_start + select(0u, slot.block, moves);
  slots[s].minimum = select(slot.minimum, step.masked, work.indel && slot.step == 0u);
  slots[s].post = select(step.post, 0u, moves);
  slots[s].step = select(slot.step + 1u, 0u, moves);
  slots[s].draws = slot.draws + 1u;
  let block_at = s * p.stats_stride + slot.block_start / slot.block;
  // Forwards are those of the published algorithms, which store a block by one of its own.
  let steps = slot.step + 1u;
  stats[block_at] = vec2u(steps, steps + select(0u, 1u, moves));
}
