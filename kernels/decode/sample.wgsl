// Draws one token and its confidence for every denoising row that needs all its logits: those of slots
// with a temperature, a penalty or credit. Logits never leave the device.
//   temperature 0: v = argmax over ids other than the mask, c = softmax(logits)[v].
//   else: z = logits / temperature, top-k (ties with the k-th kept), then top-p of what is left, by rule
//   1 of all (the crossing token kept, equal logits in index order), v drawn by Gumbel-max from seed, draw
//   number and position.
// Confidence when drawing: 0 the filtered, tempered probability (HF), 1 the smaller of the top
// probability at temperature 1 and exp((z_v - z_max) / temperature) (SGLang), 2 the raw probability
// (dInfer). By rule 1 a settled id stays where the latter reaches the threshold: else an edit would follow
// whenever another id is drawn. `penalty` is taken from the logit of the id to the left inside the block
// (SGLang). Credit (dInfer) keeps per row the ids that were on top and fuses alpha * ln(1 + credit) into
// their logits.
// One workgroup per row; lanes stride over the vocabulary and merge once per reduction. Mesa's CPU driver
// quietly ends the loops of an invocation after 65535 turns in all, so loops that run once a bit of a key are
// unrolled by 8: a vocabulary takes at most 2 turns an id with 8 lanes, a quarter of that with 64.
struct Params { vocab: u32, mask: u32, credit_entries: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> live: array<u32>;
@group(0) @binding(2) var<storage, read> rows: array<vec4u>;              // [rows] (slot, position, token, keys)
@group(0) @binding(3) var<storage, read> slots: array<Slot>;              // [slots]
@group(0) @binding(4) var<storage, read> logits: array<f32>;              // [rows, vocab]
@group(0) @binding(5) var<storage, read> canvas: array<u32>;              // [slots, CANVAS]
@group(0) @binding(6) var<storage, read_write> drawn: array<vec4u>;       // [rows] (token, confidence bits, kept, finite)
@group(0) @binding(7) var<storage, read_write> credit: array<vec2u>;      // [slots, BLOCK, 1 + entries] (id, credit bits); first (count, 0)

// Bits of a float, ordered like the floats.
fn key_of(z: f32) -> u32 {
  let bits = bitcast<u32>(z);
  return select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
}

fn hash(a: u32) -> u32 {
  var h = a;
  h = (h ^ (h >> 16u)) * 0x21f0aaadu;
  h = (h ^ (h >> 15u)) * 0x735a2d97u;
  return h ^ (h >> 15u);
}

// -log(-log(u)) for one of 2^32 numbers u between 0 and 1; with 2^24 of them the ids of a large vocabulary that
// are less likely than 2^-24 would together hardly ever be drawn. Close to 1 float32 has no room for them: the
// largest would be 1, its noise infinite, and such an id would be drawn whatever its probability. What is missing
// to 1 has room, and -log(1 - w) is w + w^2 / 2 for small w.
fn gumbel(seed: u32, id: u32) -> f32 {
  let n = hash(hash(seed ^ id) + id * 0x9e3779b9u);
  let u = (f32(n) + 0.5) / 4294967296.0;
  let w = (f32(~n) + 0.5) / 4294967296.0;
  return -log(select(-log(u), w + 0.5 * w * w, w < 0x1p-10));
}

// Logit of id v in the row that starts at `base`, less the penalty where v is the punished id.
fn logit(base: u32, v: u32, punished: u32, penalty: f32) -> f32 {
  return logits[base + v] - select(0.0, penalty, v == punished);
}

var<workgroup> ties_end: u32; // the id from which on those equal to the least logit kept go

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x;
  if (row >= live[1]) { return; }
  let slot = rows[row].x;
  if (is_greedy(slots[slot])) { return; } // drawn without its logits, by `greedy`
  let position = rows[row].y;
  let start = slots[slot].block_start;
  let base = row * p.vocab;
  let temperature = slots[slot].temperature;
  var punished = 0xffffffffu;
  let penalty = slots[slot].penalty;
  if (penalty != 0.0 && position > start) { punished = canvas[slot * CANVAS + position - 1u]; }

  // Raw maximum, argmax without the mask, and sum of exponentials.
  var top = Top(LOWEST, 0xffffffffu);
  var peak = LOWEST;
  var finite = 1u;
  for (var v = lane; v < p.vocab; v += LANES) {
    let z = logit(base, v, punished, penalty);
    if ((bitcast<u32>(z) & 0x7f800000u) == 0x7f800000u) { finite = 0u; }
    peak = max(peak, z);
    if (v != p.mask && z > top.z) { top = Top(z, v); }
  }
  top = highest(lane, top.z, top.id);
  peak = highest(lane, peak, 0u).z;
  finite = select(1u, 0u, total(lane, f32(1u - finite)) > 0.0);
  var sum = 0.0;
  for (var v = lane; v < p.vocab; v += LANES) {
    sum += exp(logit(base, v, punished, penalty) - peak);
  }
  sum = total(lane, sum);
  var token = top.id;
  var confidence = exp(top.z - peak) / sum;
  var kept = 1u;

  if ((slots[slot].rules & RULE_CREDIT) != 0u && lane == 0u) {
    let list = (slot * BLOCK + position - start) * (1u + p.credit_entries);
    var count = select(credit[list].x, 0u, slots[slot].step == 0u);
    if (rows[row].z == p.mask) {
      let gain = pow(confidence, slots[slot].credit_gamma);
      var found = false;
      for (var e = 1u; e <= count; e++) {
        var c = bitcast<f32>(credit[list + e].y) * slots[slot].credit_beta;
        if (credit[list + e].x == token) { c += gain; found = true; }
        credit[list + e].y = bitcast<u32>(c);
      }
      if (!found && count < p.credit_entries) {
        count++;
        credit[list + count] = vec2u(token, bitcast<u32>(gain));
      }
      var fused = Top(LOWEST, 0xffffffffu);
      for (var e = 1u; e <= count; e++) {
        let id = credit[list + e].x;
        let raw = logit(base, id, punished, penalty);
        let z = raw + slots[slot].credit_alpha * log(1.0 + bitcast<f32>(credit[list + e].y));
        sum += exp(z - peak) - exp(raw - peak);
        if (z > fused.z || (z == fused.z && id < fused.id)) { fused = Top(z, id); }
      }
      token = fused.id;
      confidence = exp(fused.z - peak) / sum;
    }
    credit[list].x = count;
  }

  if (temperature > 0.0) {
    let top_k = slots[slot].top_k;
    let top_p = slots[slot].top_p;
    let rule = slots[slot].confidence_rule;
    // The k-th largest key, bit by bit from the top: the largest bound that at least k keys reach.
    var least = 0u;
    if (top_k > 0u && top_k < p.vocab) {
      for (var bit = 0u; bit < 32u; bit++) {
        let trial = least | (0x80000000u >> bit);
        var n = 0u;
        for (var start = lane; start < p.vocab; start += 8u * LANES) {
          for (var r = 0u; r < 8u; r++) { // unroll
            let v = start + r * LANES;
            let reached = key_of(logit(base, min(v, p.vocab - 1u), punished, penalty)) >= trial;
            n += select(0u, 1u, reached && v < p.vocab);
          }
        }
        if (u32(total(lane, f32(n))) >= top_k) { least = trial; }
      }
    }
    var mass = 0.0;
    for (var v = lane; v < p.vocab; v += LANES) {
      let z = logit(base, v, punished, penalty);
      if (key_of(z) >= least || rule == 1u) { mass += exp((z - peak) / temperature); }
    }
    mass = total(lane, mass);
    // The largest key whose tokens and all larger ones hold more than top_p of that mass.
    var last = p.vocab;
    if (top_p < 1.0) {
      var cut = 0u;
      for (var bit = 0u; bit < 32u; bit++) {
        let trial = cut | (0x80000000u >> bit);
        var above = 0.0;
        for (var start = lane; start < p.vocab; start += 8u * LANES) {
          for (var r = 0u; r < 8u; r++) { // unroll
            let v = start + r * LANES;
            let z = logit(base, min(v, p.vocab - 1u), punished, penalty);
            let counts = v < p.vocab && key_of(z) >= max(trial, least);
            above += select(0.0, exp((z - peak) / temperature), counts);
          }
        }
        if (total(lane, above) > top_p * mass) { cut = trial; }
      }
      var above = 0.0;
      var equal = 0.0;
      var equals = 0u;
      for (var v = lane; v < p.vocab; v += LANES) {
        let z = logit(base, v, punished, penalty);
        let e = exp((z - peak) / temperature);
        if (key_of(z) > cut && key_of(z) >= least) { above += e; }
        if (key_of(z) == cut) {
          equal = e;
          equals++;
        }
      }
      above = total(lane, above);
      equal = highest(lane, equal, 0u).z;
      if (cut > least) { least = cut; }
      var ties = 0xffffffffu;
      if (equal > 0.0) { ties = u32((top_p * mass - above) / equal) + 1u; }
      let most = u32(total(lane, f32(equals)));
      if (least != cut || ties >= most) { ties = 0xffffffffu; }
      // Where not all of them stay, lanes count them in stretches of ids; one finds the first that goes.
      let stretch = select((p.vocab + LANES - 1u) / LANES, 0u, ties == 0xffffffffu);
      let first = min(lane * stretch, p.vocab);
      let end = min(first + stretch, p.vocab);
      var mine = 0u;
      for (var v = first; v < end; v++) {
        mine += select(0u, 1u, key_of(logit(base, v, punished, penalty)) == least);
      }
      workgroupBarrier();
      part_i[lane] = mine;
      if (lane == 0u) { ties_end = p.vocab; }
      workgroupBarrier();
      var before = 0u;
      for (var other = 0u; other < lane; other++) { before += part_i[other]; }
      if (before <= ties && ties < before + mine) {
        for (var v = first; v < end; v++) {
          if (key_of(logit(base, v, punished, penalty)) == least) {
            if (before == ties) { ties_end = v; }
            before++;
          }
        }
      }
      workgroupBarrier();
      last = ties_end;
    }
    // What stays: keys above `least`, and of those equal to it the ids before `last`.
    let seed = hash(slots[slot].seed ^ hash(slots[slot].draws * 0x632be5abu + position));
    var drawn_top = Top(LOWEST, 0xffffffffu);
    var n = 0u;
    mass = 0.0;
    for (var v = lane; v < p.vocab; v += LANES) {
      let z = logit(base, v, punished, penalty);
      let key = key_of(z);
      if (key > least || least == 0u || (key == least && v < last)) {
        n++;
        mass += exp((z - peak) / temperature);
        let noisy = z / temperature + gumbel(seed, v);
        if (v != p.mask && noisy > drawn_top.z) { drawn_top = Top(noisy, v); }
      }
    }
    mass = total(lane, mass);
    kept = u32(total(lane, f32(n)));
    drawn_top = highest(lane, drawn_top.z, drawn_top.id);
    if (drawn_top.id != 0xffffffffu) {
      token = drawn_top.id;
      let z = logit(base, token, punished, penalty);
      if (rule == 0u) { confidence = exp((z - peak) / temperature) / mass; }
      if (rule == 1u) { confidence = min(1.0 / sum, exp((z - peak) / temperature)); }
      if (rule == 2u) { confidence = exp(z - peak) / sum; }
    }
    let settled = rows[row].z;
    if (rule == 1u && settled != p.mask) {
      let z = logit(base, settled, punished, penalty);
      if (exp((z - peak) / temperature) >= slots[slot].threshold) { token = settled; }
    }
  }
  if (lane == 0u) { drawn[row] = vec4u(token, bitcast<u32>(confidence), kept, finite); }
}
