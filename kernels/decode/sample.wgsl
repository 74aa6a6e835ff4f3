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
// largest logit is too small are left out of later walks, so that top-k and top-p see few ids again where few are
// likely. Mesa's CPU driver quietly ends the loops of an invocation after 65535 turns in all: a lane turns once
// for eight ids of a walk, and there are at most 38.
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
var<workgroup> list: array<u32, GROUPS>;   // groups that are still looked at
var<workgroup> listed: u32;
var<workgroup> first_bit: u32;
var<workgroup> ties_end: u32;              // the id from which on those equal to the least logit kept go

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

// Bits of a float, ordered like the floats; and back.
fn key_of(z: f32) -> u32 {
  let bits = bitcast<u32>(z);
  return select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
}

fn value_of(key: u32) -> f32 {
  return bitcast<f32>(select(~key, key ^ 0x80000000u, (key >> 31u) == 1u));
}

fn hash(a: vec4u) -> vec4u {
  var h = a;
  h = (h ^ (h >> vec4u(16u))) * 0x21f0aaadu;
  h = (h ^ (h >> vec4u(15u))) * 0x735a2d97u;
  return h ^ (h >> vec4u(15u));
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

fn list_all(lane: u32) {
  for (var g = lane; g < p.groups; g += LANES) { list[g] = g; }
  if (lane == 0u) { listed = p.groups; }
}

// Lists the groups that reach a value, in the order of their lanes, so that sums have one order.
fn list_groups(lane: u32, least: f32) {
  var mine = 0u;
  for (var g = lane; g < p.groups; g += LANES) { mine += select(0u, 1u, high[g] >= least); }
  workgroupBarrier();
  part_i[lane] = mine;
  workgroupBarrier();
  var at = 0u;
  for (var other = 0u; other < lane; other++) { at += part_i[other]; }
  for (var g = lane; g < p.groups; g += LANES) {
    if (high[g] >= least) {
      list[at] = g;
      at++;
    }
  }
  if (lane == LANES - 1u) { listed = at; }
}

struct Cut { key: u32, over: f32 }

// The largest key such that ids of it and of larger ones weigh more than `goal`, exp((z - peak) cold) each, and
// what larger ones weigh. Those of `low` weigh more, those above `top` nothing. Two bits a walk; lists the groups
// that reach the key.
fn cut_at(lane: u32, row: Row, low: u32, top: u32, peak: f32, cold: f32, goal: f32) -> Cut {
  if (lane == 0u) { first_bit = select(firstLeadingBit(low ^ top) & 30u, 0u, low == top); }
  let first = workgroupUniformLoad(&first_bit);
  var cut = Cut(top - extractBits(top, 0u, first + 2u), 0.0);
  for (var bit = first + 2u; bit > 0u; bit -= 2u) {
    list_groups(lane, value_of(max(cut.key, low)));
    let count = workgroupUniformLoad(&listed);
    let step = 1u << (bit - 2u);
    let bounds = vec3f(value_of(cut.key + step), value_of(cut.key + 2u * step), value_of(cut.key + 3u * step));
    var weights = array<vec4f, 3>();
    for (var l = lane; l < count; l += LANES) {
      let start = first_turn(list[l]);
      for (var turn = 0u; turn < p.turns; turn++) {
        for (var r = 0u; r < 2u; r++) { // unroll
          let z = four_logits(row, 2u * (start + turn * LANES) + r);
          let weight = exp((z - peak) * cold);
          for (var j = 0u; j < 3u; j++) { // unroll
            weights[j] += select(vec4f(), weight, z >= vec4f(bounds[j]));
          }
        }
      }
    }
    var steps = 0u;
    for (var j = 0u; j < 3u; j++) { // unroll
      let weight = total(lane, sum_of(weights[j]));
      if (weight > goal) { steps = j + 1u; } else if (steps == j) { cut.over = weight; }
    }
    cut.key += steps * step;
  }
  return cut;
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
  let temperature = slots[slot].temperature;
  var row = Row(group.x, NONE, slots[slot].penalty);
  if (row.penalty != 0.0 && position > start) { row.punished = canvas[slot * CANVAS + position - 1u]; }

  // Raw maximum, argmax without the mask, and sum of exponentials of the lane's highest so far. The mask comes last.
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
  var token = top.id;
  var confidence = exp(top.z - peak) / sum;
  var kept = 1u;

  if ((slots[slot].rules & RULE_CREDIT) != 0u && lane == 0u) {
    let list = (slot * BLOCK + position - start) * (1u + p.entries);
    var count = select(notes[list].x, 0u, slots[slot].step == 0u);
    if (given.z == p.mask) {
      let gain = pow(confidence, slots[slot].credit_gamma);
      var found = false;
      for (var e = 1u; e <= count; e++) {
        var c = bitcast<f32>(notes[list + e].y) * slots[slot].credit_beta;
        if (notes[list + e].x == token) { c += gain; found = true; }
        notes[list + e].y = bitcast<u32>(c);
      }
      if (!found && count < p.entries) {
        count++;
        notes[list + count] = vec2u(token, bitcast<u32>(gain));
      }
      var fused = Top(LOWEST, NONE);
      for (var e = 1u; e <= count; e++) {
        let id = notes[list + e].x;
        let raw = logit(row, id);
        let z = raw + slots[slot].credit_alpha * log(1.0 + bitcast<f32>(notes[list + e].y));
        sum += exp(z - peak) - exp(raw - peak);
        if (z > fused.z || (z == fused.z && id < fused.id)) { fused = Top(z, id); }
      }
      token = fused.id;
      confidence = exp(fused.z - peak) / sum;
    }
    notes[list].x = count;
  }

  if (temperature > 0.0) {
    let cold = 1.0 / temperature;
    let top_k = slots[slot].top_k;
    let top_p = slots[slot].top_p;
    let rule = slots[slot].confidence_rule;
    let whole = key_of(LOWEST) + 1u; // past a row's end are lower ones
    var least = whole;
    list_all(lane);
    if (top_k > 0u && top_k < p.vocab) {
      // What as many groups reach as ids are to stay, so many ids reach; to sixteen bits.
      var bound = 0u;
      for (var bit = 0u; bit < 16u; bit++) {
        let trial = bound | (0x80000000u >> bit);
        var n = 0u;
        for (var g = lane; g < p.groups; g += LANES) { n += select(0u, 1u, high[g] >= value_of(trial)); }
        if (u32(total(lane, f32(n))) >= top_k) { bound = trial; }
      }
      // The k-th largest: ids weigh 1 each.
      least = cut_at(lane, row, max(bound, whole), key_of(peak), peak, 0.0, f32(top_k) - 0.5).key;
    }
    var last = p.vocab;
    var mass = 0.0;
    if (top_p < 1.0) {
      if (rule == 1u) { list_all(lane); }
      let from_ = value_of(select(least, whole, rule == 1u));
      var count = workgroupUniformLoad(&listed);
      for (var l = lane; l < count; l += LANES) {
        let start = first_turn(list[l]);
        for (var turn = 0u; turn < p.turns; turn++) {
          for (var r = 0u; r < 2u; r++) { // unroll
            let z = four_logits(row, 2u * (start + turn * LANES) + r);
            mass += sum_of(select(vec4f(), exp((z - peak) * cold), z >= vec4f(from_)));
          }
        }
      }
      mass = total(lane, mass);
      // All that is less likely than this weighs less than may go.
      let rare = peak + temperature * (log((1.0 - top_p) * mass / f32(p.vocab)) - 1.0);
      let cut = cut_at(lane, row, max(least, key_of(rare)), key_of(peak), peak, cold, top_p * mass);
      let bound = value_of(cut.key);
      count = workgroupUniformLoad(&listed);
      var n = 0u;
      for (var l = lane; l < count; l += LANES) {
        let start = first_turn(list[l]);
        for (var turn = 0u; turn < p.turns; turn++) {
          for (var r = 0u; r < 2u; r++) { // unroll
            n += count_of(four_logits(row, 2u * (start + turn * LANES) + r) == vec4f(bound));
          }
        }
      }
      let equals = u32(total(lane, f32(n)));
      var ties = NONE;
      if (cut.key >= least) { ties = u32((top_p * mass - cut.over) / exp((bound - peak) * cold)) + 1u; }
      if (ties >= equals) { ties = NONE; }
      least = max(cut.key, least);
      // Where not all of them stay, lanes count them in stretches of ids; one finds the first that goes.
      let fours = (p.vocab + 3u) / 4u;
      let stretch = select((fours + LANES - 1u) / LANES, 0u, ties == NONE);
      let first = min(lane * stretch, fours);
      let end = min(first + stretch, fours);
      var own = 0u;
      for (var i = first; i < end; i++) { own += count_of(four_logits(row, i) == vec4f(bound)); }
      workgroupBarrier();
      part_i[lane] = own;
      if (lane == 0u) { ties_end = p.vocab; }
      workgroupBarrier();
      var before = 0u;
      for (var other = 0u; other < lane; other++) { before += part_i[other]; }
      if (before <= ties && ties < before + own) {
        for (var i = first; i < end; i++) {
          let z = four_logits(row, i);
          for (var j = 0u; j < 4u; j++) { // unroll
            if (z[j] == bound) {
              if (before == ties) { ties_end = 4u * i + j; }
              before++;
            }
          }
        }
      }
      last = workgroupUniformLoad(&ties_end);
    }
    // What stays: logits above the least, and of those equal to it the ids before `last`.
    let seed = hash(vec4u(slots[slot].seed) ^ hash(vec4u(slots[slot].draws * 0x632be5abu + position)));
    let bounds = vec2f(value_of(least), value_of(least + 1u));
    var best = LOWEST;
    var best_at = 0u; // its turn
    var n = 0u;
    mass = 0.0;
    let count = workgroupUniformLoad(&listed);
    for (var l = lane; l < count; l += LANES) {
      let start = first_turn(list[l]);
      for (var turn = 0u; turn < p.turns; turn++) {
        let at = start + turn * LANES;
        var most = LOWEST;
        for (var r = 0u; r < 2u; r++) { // unroll
          let z = four_logits(row, 2u * at + r);
          let stays = z >= select(vec4f(bounds.x), vec4f(bounds.y), four_ids(2u * at + r) >= vec4u(last));
          n += count_of(stays);
          mass += sum_of(select(vec4f(), exp((z - peak) * cold), stays));
          let noisy = z / temperature + gumbel(seed, four_ids(2u * at + r));
          most = max(most, most_of(select(vec4f(LOWEST), without_mask(noisy, 2u * at + r), stays)));
        }
        if (most > best || (most == best && at < best_at)) {
          best = most;
          best_at = at;
        }
      }
    }
    var drawn_top = Top(LOWEST, NONE);
    for (var r = 0u; r < 2u; r++) { // unroll
      let i = 2u * best_at + r;
      let z = four_logits(row, i);
      let stays = z >= select(vec4f(bounds.x), vec4f(bounds.y), four_ids(i) >= vec4u(last));
      let noisy = without_mask(z / temperature + gumbel(seed, four_ids(i)), i);
      drawn_top = first_highest(drawn_top, select(vec4f(LOWEST), noisy, stays), i);
    }
    mass = total(lane, mass);
    kept = u32(total(lane, f32(n)));
    drawn_top = highest(lane, drawn_top.z, drawn_top.id);
    if (drawn_top.id != NONE) {
      token = drawn_top.id;
      let z = logit(row, token);
      if (rule == 0u) { confidence = exp((z - peak) / temperature) / mass; }
      if (rule == 1u) { confidence = min(1.0 / sum, exp((z - peak) / temperature)); }
      if (rule == 2u) { confidence = exp(z - peak) / sum; }
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
      let list = (slot * BLOCK + position - start) * (1u + p.entries);
      notes[list] = vec2u(other.id, bitcast<u32>(exp(other.z - peak) / sum));
      notes[list + 1u] = vec2u(plain.id, bitcast<u32>(exp(plain.z - peak) / sum));
    }
  }
  if (lane == 0u) { drawn[row.index] = vec4u(token, bitcast<u32>(confidence), kept, finite); }
}
