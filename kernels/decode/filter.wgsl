// Top-k and top-p for sample.wgsl: which of a row's logits stay in the draw. Nothing is sorted: a cut is a float's
// bits, searched from the first in which the candidates differ. Groups whose largest logit is below what is known of
// the cut leave the list, so that the walks of a search see few ids where few are likely.
var<workgroup> list: array<u32, GROUPS>;   // groups that are still looked at
var<workgroup> listed: u32;
var<workgroup> first_bit: u32;
var<workgroup> ties_end: u32;              // the id from which on those equal to the least logit kept go

// Bits of a float, ordered like the floats; and back.
fn key_of(z: f32) -> u32 {
  let bits = bitcast<u32>(z);
  return select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
}

fn value_of(key: u32) -> f32 {
  return bitcast<f32>(select(~key, key ^ 0x80000000u, (key >> 31u) == 1u));
}

fn list_all(lane: u32) {
  for (var g = lane; g < p.groups; g += LANES) { list[g] = g; }
  if (lane == 0u) { listed = p.groups; }
}

// Lists the groups that reach a value, in the order of their lanes, so that sums have one order. Callers have
// passed a barrier since `part_i` was read.
fn list_groups(lane: u32, least: f32) {
  var mine = 0u;
  for (var g = lane; g < p.groups; g += LANES) { mine += select(0u, 1u, high[g] >= least); }
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

// What stays in a draw: logits whose key is above the least, and of those equal to it the ids before `last`.
struct Stays { least: u32, last: u32 }

// The key of the top_k-th largest logit. Lists the groups that reach it.
fn least_of(lane: u32, row: Row, top_k: u32, lowest: u32, peak: f32) -> u32 {
  // What as many groups reach as ids are to stay, so many ids reach; to sixteen bits.
  var bound = 0u;
  for (var bit = 0u; bit < 16u; bit++) {
    let trial = bound | (0x80000000u >> bit);
    var n = 0u;
    for (var g = lane; g < p.groups; g += LANES) { n += select(0u, 1u, high[g] >= value_of(trial)); }
    if (u32(total(lane, f32(n))) >= top_k) { bound = trial; }
  }
  // Ids weigh 1 each.
  return cut_at(lane, row, max(bound, lowest), key_of(peak), peak, 0.0, f32(top_k) - 0.5).key;
}

// The most likely ids that together weigh top_p of those from the key `from_` on, and of them those from `least` on.
// Reads the listed groups, and lists those that reach what it returns.
fn most_likely(
  lane: u32, row: Row, top_p: f32, temperature: f32, peak: f32, from_: u32, least: u32,
) -> Stays {
  let cold = 1.0 / temperature;
  var mass = 0.0;
  var count = workgroupUniformLoad(&listed);
  for (var l = lane; l < count; l += LANES) {
    let start = first_turn(list[l]);
    for (var turn = 0u; turn < p.turns; turn++) {
      for (var r = 0u; r < 2u; r++) { // unroll
        let z = four_logits(row, 2u * (start + turn * LANES) + r);
        mass += sum_of(select(vec4f(), exp((z - peak) * cold), z >= vec4f(value_of(from_))));
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
  return Stays(max(cut.key, least), id_of_tie(lane, row, bound, ties));
}

// The id of the ties-th logit, from 0, that equals `bound`; where all of them stay (NONE) the vocabulary's end. Lanes
// count them in stretches of ids; one finds it. Callers have passed a barrier since `part_i` was read.
fn id_of_tie(lane: u32, row: Row, bound: f32, ties: u32) -> u32 {
  let fours = (p.vocab + 3u) / 4u;
  let stretch = select((fours + LANES - 1u) / LANES, 0u, ties == NONE);
  let first = min(lane * stretch, fours);
  let end = min(first + stretch, fours);
  var own = 0u;
  for (var i = first; i < end; i++) { own += count_of(four_logits(row, i) == vec4f(bound)); }
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
  return workgroupUniformLoad(&ties_end);
}
