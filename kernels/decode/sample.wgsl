// Draws one token and its confidence for every denoising row that needs all its logits: those of slots
// with a temperature, a penalty, credit or edits. Logits never leave the device.
//   temperature 0: v = argmax over ids other than the mask, c = softmax(logits)[v].
//   else: z = logits / temperature, top-k (ties with the k-th kept), then top-p of what is left, by rule
//   1 of all (the crossing token kept, equal logits in index order), v drawn by Gumbel-max from seed, draw
//   number and position.
// Confidence when drawing: 0 the filtered, tempered probability (HF), 1 the smaller of the top
// probability at temperature 1 and exp((z_v - z_max) / temperature) (SGLang), 2 the raw probability
// (dInfer). By rule 1 a settled id stays where the latter reaches the threshold: else an edit would follow
// whenever another id is drawn. `penalty` is taken from the logit of the id to the left inside the block
// (SGLang). Credit (dInfer) keeps per row the ids that were on top and fuses alpha * ln(1 + credit) into
// their logits. Edits (HF 2.2) want the next best id too, and the best one that is no edit.
// One workgroup per row. Lanes go over the vocabulary in groups of ids and merge once per reduction. Groups whose
// largest logit is too small are left out of later walks (filter.wgsl). Mesa's CPU driver quietly ends the loops of
// an invocation after 65535 turns in all: a lane turns once for eight ids of a walk, and there are at most 38.
struct Params { vocab: u32, mask: u32, remove: u32, split: u32, entries: u32, groups: u32, turns: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> live: array<u32>;
@group(0) @binding(3) var<storage, read> rows: array<vec4u>;              // [rows] (slot, position, token, keys)
@group(0) @binding(4) var<storage, read> slots: array<Slot>;              // [slots]
@group(0) @binding(5) var<storage, read> canvas: array<u32>;              // [slots, CANVAS]
@group(0) @binding(6) var<storage, read_write> drawn: array<vec4u>;       // [rows] (token, confidence bits, kept, finite)
@group(0) @binding(7) var<storage, read_write> notes: array<vec2u>;       // [slots, BLOCK, 1 + entries] credit: (id, its bits), first (count, 0); edits: indel.wgsl

const NONE = 0xffffffffu;

var<workgroup> high: array<f32, GROUPS>;   // largest logit of each group

// A row of logits, one of which is punished.
struct Row { index: u32, punished: u32, penalty: f32 }

fn four_ids(i: u32) -> vec4u { return vec4u(0u, 1u, 2u, 3u) + 4u * i; }

fn four_logits(row: Row, i: u32) -> vec4f {
  return load_four(row.index, i) - select(vec4f(), vec4f(row.penalty), four_ids(i) == vec4u(row.punished));
}

fn logit(row: Row, id: u32) -> f32 {
  return load_one(row.index, id) - select(0.0, row.penalty, id == row.punished);
}

fn without_mask(z: vec4f, i: u32) -> vec4f {
  return select(z, vec4f(LOWEST), four_ids(i) == vec4u(p.mask));
}

fn most_of(z: vec4f) -> f32 { return max(max(z.x, z.y), max(z.z, z.w)); }
fn sum_of(z: vec4f) -> f32 { return (z.x + z.y) + (z.z + z.w); }
fn count_of(these: vec4<bool>) -> u32 { return dot(select(vec4u(), vec4u(1u), these), vec4u(1u)); }

// The largest so far, the first of equal ones.
fn first_highest(before: Top, z: vec4f, i: u32) -> Top {
  var top = before;
  for (var j = 0u; j < 4u; j++) { // unroll
    if (z[j] > top.z) { top = Top(z[j], 4u * i + j); }
  }
  return top;
}

// -log(-log(u)) for one of 2^32 numbers u between 0 and 1; with 2^24 of them the ids of a large vocabulary that
// are less likely than 2^-24 would together hardly ever be drawn. Close to 1 float32 has no room for them: the
// largest would be 1, its noise infinite, and such an id would be drawn whatever its probability. What is missing
// to 1 has room, and -log(1 - w) is w + w^2 / 2 for small w.
fn gumbel(seed: vec4u, id: vec4u) -> vec4f {
  let n = hash(hash(seed ^ id) + id * 0x9e3779b9u);
  let u = (vec4f(n) + 0.5) / 4294967296.0;
  let w = (vec4f(~n) + 0.5) / 4294967296.0;
  return -log(select(-log(u), w + 0.5 * w * w, w < vec4f(0x1p-10)));
}

// Where a group's turns begin, of eight ids each and LANES apart: neighbours in a group are neighbours' in others.
fn first_turn(group: u32) -> u32 { return group / LANES * p.turns * LANES + group % LANES; }

// A row as it is: its highest logit beside the mask's, its largest, the sum of exp(z - peak), and whether all are
// finite (0 or 1).
struct Raw { top: Top, peak: f32, sum: f32, finite: u32 }

// The first walk; leaves each group's largest logit in `high`. Lanes keep the sum of exponentials of their highest so
// far. The mask comes last.
fn raw_row(lane: u32, row: Row) -> Raw {
  var mine = LOWEST;
  var mine_at = 0u; // its turn
  var sum = 0.0;
  var widest = vec4u(); // bits of the largest magnitude
  for (var g = lane; g < p.groups; g += LANES) {
    var most = LOWEST;
    for (var turn = 0u; turn < p.turns; turn++) {
      let at = first_turn(g) + turn * LANES;
      var z: array<vec4f, 2>;
      for (var r = 0u; r < 2u; r++) { // unroll
        z[r] = four_logits(row, 2u * at + r);
        widest = max(widest, bitcast<vec4u>(z[r]) & vec4u(0x7fffffffu));
        z[r] = without_mask(z[r], 2u * at + r);
      }
      let here = most_of(max(z[0], z[1]));
      most = max(most, here);
      if (here > mine) { mine_at = at; }
      let raised = max(mine, here);
      sum = sum * exp(mine - raised) + sum_of(exp(z[0] - raised) + exp(z[1] - raised));
      mine = raised;
    }
    high[g] = most;
  }
  let of_mask = logit(row, p.mask);
  let mask_at = p.mask / 8u;
  if (lane == mask_at % LANES) {
    let g = mask_at / LANES / p.turns * LANES + lane;
    high[g] = max(high[g], of_mask);
  }
  var top = Top(LOWEST, NONE);
  for (var r = 0u; r < 2u; r++) { // unroll
    top = first_highest(top, without_mask(four_logits(row, 2u * mine_at + r), 2u * mine_at + r), 2u * mine_at + r);
  }
  top = highest(lane, top.z, top.id);
  let peak = max(top.z, of_mask);
  sum = total(lane, sum * exp(mine - peak)) + exp(of_mask - peak);
  let broken = any(max(widest, vec4u(bitcast<u32>(of_mask) & 0x7fffffffu)) >= vec4u(0x7f800000u));
  let finite = select(1u, 0u, total(lane, select(0.0, 1.0, broken)) > 0.0);
  return Raw(top, peak, sum, finite);
}

// The row's highest logit once the ids of its notes from `at` on have their credit, to which the top's confidence adds
// first; and what that makes of the row's sum. For one lane.
fn fused_top(row: Row, slot: u32, at: u32, confidence: f32, raw: ptr<function, Raw>) -> Top {
  let gain = pow(confidence, slots[slot].credit_gamma);
  var count = notes[at].x;
  var found = false;
  for (var e = 1u; e <= count; e++) {
    var c = bitcast<f32>(notes[at + e].y) * slots[slot].credit_beta;
    if (notes[at + e].x == (*raw).top.id) { c += gain; found = true; }
    notes[at + e].y = bitcast<u32>(c);
  }
  if (!found && count < p.entries) {
    count++;
    notes[at + count] = vec2u((*raw).top.id, bitcast<u32>(gain));
    notes[at].x = count;
  }
  var fused = Top(LOWEST, NONE);
  for (var e = 1u; e <= count; e++) {
    let id = notes[at + e].x;
    let plain = logit(row, id);
    let z = plain + slots[slot].credit_alpha * log(1.0 + bitcast<f32>(notes[at + e].y));
    (*raw).sum += exp(z - (*raw).peak) - exp(plain - (*raw).peak);
    if (z > fused.z || (z == fused.z && id < fused.id)) { fused = Top(z, id); }
  }
  return fused;
}

// An id drawn, with its noisy logit; how many ids stayed, and the sum of their exp((z - peak) / temperature).
struct Draw { top: Top, kept: u32, mass: f32 }

// Draws by Gumbel-max among what stays of the listed groups.
fn draw_among(lane: u32, row: Row, stays: Stays, temperature: f32, peak: f32, seed: vec4u) -> Draw {
  let cold = 1.0 / temperature;
  let bounds = vec2f(value_of(stays.least), value_of(stays.least + 1u));
  var best = LOWEST;
  var best_at = 0u; // its turn
  var n = 0u;
  var mass = 0.0;
  let count = workgroupUniformLoad(&listed);
  for (var l = lane; l < count; l += LANES) {
    let start = first_turn(list[l]);
    for (var turn = 0u; turn < p.turns; turn++) {
      let at = start + turn * LANES;
      var most = LOWEST;
      for (var r = 0u; r < 2u; r++) { // unroll
        let i = 2u * at + r;
        let z = four_logits(row, i);
        let stay = z >= select(vec4f(bounds.x), vec4f(bounds.y), four_ids(i) >= vec4u(stays.last));
        n += count_of(stay);
        mass += sum_of(select(vec4f(), exp((z - peak) * cold), stay));
        let noisy = z / temperature + gumbel(seed, four_ids(i));
        most = max(most, most_of(select(vec4f(LOWEST), without_mask(noisy, i), stay)));
      }
      if (most > best || (most == best && at < best_at)) {
        best = most;
        best_at = at;
      }
    }
  }
  var top = Top(LOWEST, NONE);
  for (var r = 0u; r < 2u; r++) { // unroll
    let i = 2u * best_at + r;
    let z = four_logits(row, i);
    let stay = z >= select(vec4f(bounds.x), vec4f(bounds.y), four_ids(i) >= vec4u(stays.last));
    let noisy = without_mask(z / temperature + gumbel(seed, four_ids(i)), i);
    top = first_highest(top, select(vec4f(LOWEST), noisy, stay), i);
  }
  mass = total(lane, mass);
  let kept = u32(total(lane, f32(n)));
  return Draw(highest(lane, top.z, top.id), kept, mass);
}

// The largest logit and its id, but for the mask and two others.
fn best_but(lane: u32, row: Row, a: u32, b: u32) -> Top {
  var top = Top(LOWEST, NONE);
  for (var g = lane; g < p.groups; g += LANES) {
    if (high[g] < top.z) { continue; }
    for (var turn = 0u; turn < p.turns; turn++) {
      for (var r = 0u; r < 2u; r++) { // unroll
        let i = 2u * (first_turn(g) + turn * LANES) + r;
        let out = (four_ids(i) == vec4u(a)) | (four_ids(i) == vec4u(b));
        let z = select(without_mask(four_logits(row, i), i), vec4f(LOWEST), out);
        for (var j = 0u; j < 4u; j++) { // unroll
          if (z[j] > top.z || (z[j] == top.z && 4u * i + j < top.id)) { top = Top(z[j], 4u * i + j); }
        }
      }
    }
  }
  return highest(lane, top.z, top.id);
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  if (group.x >= live[1]) { return; }
  let given = rows[group.x];
  let slot = given.x;
  if (is_greedy(slots[slot])) { return; } // drawn without its logits, by `greedy`
  let position = given.y;
  let start = slots[slot].block_start;
  // Where rows move, settled ones are not drawn: HF edits them to the likeliest id.
  let settles = (slots[slot].rules & RULE_INDEL) != 0u && given.z != p.mask;
  let temperature = select(slots[slot].temperature, 0.0, settles);
  var row = Row(group.x, NONE, slots[slot].penalty);
  if (row.penalty != 0.0 && position > start) { row.punished = canvas[slot * CANVAS + position - 1u]; }
  var raw = raw_row(lane, row);
  let peak = raw.peak;
  var token = raw.top.id;
  var confidence = exp(raw.top.z - peak) / raw.sum;
  var kept = 1u;
  let notes_at = (slot * BLOCK + position - start) * (1u + p.entries); // its notes

  if ((slots[slot].rules & RULE_CREDIT) != 0u && lane == 0u) {
    if (slots[slot].step == 0u) { notes[notes_at].x = 0u; }
    if (given.z == p.mask) {
      let fused = fused_top(row, slot, notes_at, confidence, &raw);
      token = fused.id;
      confidence = exp(fused.z - peak) / raw.sum;
    }
  }

  if (temperature > 0.0) {
    let top_k = slots[slot].top_k;
    let top_p = slots[slot].top_p;
    let rule = slots[slot].confidence_rule;
    let lowest = key_of(LOWEST) + 1u; // past a row's end are lower ones
    var stays = Stays(lowest, p.vocab);
    list_all(lane);
    if (top_k > 0u && top_k < p.vocab) { stays.least = least_of(lane, row, top_k, lowest, peak); }
    if (top_p < 1.0) {
      if (rule == 1u) { list_all(lane); }
      let from_ = select(stays.least, lowest, rule == 1u);
      stays = most_likely(lane, row, top_p, temperature, peak, from_, stays.least);
    }
    let seed = hash(vec4u(slots[slot].seed) ^ hash(vec4u(slots[slot].draws * 0x632be5abu + position)));
    let draw = draw_among(lane, row, stays, temperature, peak, seed);
    kept = draw.kept;
    if (draw.top.id != NONE) {
      token = draw.top.id;
      let z = logit(row, token);
      if (rule == 0u) { confidence = exp((z - peak) / temperature) / draw.mass; }
      if (rule == 1u) { confidence = min(1.0 / raw.sum, exp((z - peak) / temperature)); }
      if (rule == 2u) { confidence = exp(z - peak) / raw.sum; }
    }
    let settled = given.z;
    if (rule == 1u && settled != p.mask) {
      let z = logit(row, settled);
      if (exp((z - peak) / temperature) >= slots[slot].threshold) { token = settled; }
    }
  }
  if ((slots[slot].rules & RULE_INDEL) != 0u) {
    let other = best_but(lane, row, token, token);
    let plain = best_but(lane, row, p.remove, p.split);
    if (lane == 0u) {
      notes[notes_at] = vec2u(other.id, bitcast<u32>(exp(other.z - peak) / raw.sum));
      notes[notes_at + 1u] = vec2u(plain.id, bitcast<u32>(exp(plain.z - peak) / raw.sum));
    }
  }
  if (lane == 0u) { drawn[row.index] = vec4u(token, bitcast<u32>(confidence), kept, raw.finite); }
}
