// Levenshtein editing of a block (HF 2.2), for slots with RULE_INDEL: a drawn id may say that its row goes, or
// that a mask comes in front of what the row held. The block's length stays: rows move, and masks fill its end.
// Notes of a row: [0] (best id but the drawn one, confidence bits), [1] (best id that is no edit, confidence
// bits), both by `sample`; [2] (1 where its mask was there when the block began, 0). Those of the first rows also
// keep what each of the block's steps made of it, by hashes, so that it does not go round in circles.
const MOST_STEPS = 1000u;           // of a block; the last one settles it
const MOST_TRIES = 5u;              // to leave a circle
const SEEN_AT = 128u;               // first of a row's notes that are hashes
const SEEN_A_ROW = 128u;

var<workgroup> original_of: array<u32, BLOCK>;   // 1 where a mask was there when the block began
var<workgroup> next_of: array<u32, BLOCK>;       // now_of and sure_of once rows have moved
var<workgroup> next_sure: array<f32, BLOCK>;
var<workgroup> block_hash: vec2u;
var<workgroup> seen: atomic<u32>;
var<workgroup> again: u32;

fn note_at(s: u32, row: u32) -> u32 { return (s * BLOCK + row) * (1u + BLOCK); }
fn seen_at(s: u32, step: u32) -> u32 { return note_at(s, step / SEEN_A_ROW) + SEEN_AT + step % SEEN_A_ROW; }
fn is_indel(slot: Slot) -> bool { return (slot.rules & RULE_INDEL) != 0u; }
fn is_edit(id: u32) -> bool { return id == p.remove || id == p.split; }

// Where rows never move, all masks are original.
fn is_original(slot: Slot, s: u32, row: u32, masked: bool) -> bool {
  if (!is_indel(slot) || slot.step == 0u) { return masked; }
  return notes[note_at(s, row) + 2u].x == 1u;
}

// Takes the best id that is no edit where one must not be: in the last round, and in the prompt.
fn without_edit(slot: Slot, s: u32, row: u32, last_round: bool) {
  let free = !last_round && slot.block_start + row >= slot.prompt;
  if (free || kind_of[row] == 0u || !is_edit(now_of[row])) { return; }
  change(row, notes[note_at(s, row) + 1u]);
}

fn change(row: u32, draw: vec2u) {
  now_of[row] = draw.x;
  sure_of[row] = bitcast<f32>(draw.y);
  if (now_of[row] == old_of[row]) { kind_of[row] = 0u; }
}

// While the step makes of the block what an earlier one has, draws one of its changed rows again, the best id but
// the present one. Which row is random (HF); here the record's seed decides.
fn leave_circle(slot: Slot, s: u32, lane: u32, last_round: bool) {
  for (var trial = 0u; trial <= MOST_TRIES; trial++) {
    if (lane == 0u) {
      block_hash = hash_block(slot.block);
      atomicStore(&seen, 0u);
    }
    let hash = workgroupUniformLoad(&block_hash);
    for (var step = lane; step < slot.step; step += LANES) {
      let before = notes[seen_at(s, step)];
      if (before.x == hash.x && before.y == hash.y) { atomicStore(&seen, 1u); }
    }
    workgroupBarrier();
    if (lane == 0u) {
      var changes = 0u;
      for (var i = 0u; i < slot.block; i++) { changes += select(0u, 1u, changes_at(slot, i)); }
      again = select(0u, 1u, atomicLoad(&seen) == 1u && !last_round && changes > 0u && trial < MOST_TRIES);
      if (again == 1u) { draw_again(s, change_at(slot, some_below(slot, trial, changes))); }
    }
    if (workgroupUniformLoad(&again) == 0u) { break; }
  }
  if (lane == 0u) { notes[seen_at(s, slot.step)] = block_hash; }
}

fn hash_block(block: u32) -> vec2u {
  var h = vec2u(0x811c9dc5u, 0x9e3779b9u);
  for (var i = 0u; i < block; i++) {
    h = (h ^ vec2u(now_of[i])) * vec2u(0x01000193u, 0x85ebca6bu);
    h = h ^ (h >> vec2u(15u, 13u));
  }
  return h;
}

fn some_below(slot: Slot, trial: u32, count: u32) -> u32 {
  return hash(vec4u(slot.seed ^ (slot.draws * 0x632be5abu + trial * 0x85157af5u))).x % count;
}

// Whether a row of the answer changes.
fn changes_at(slot: Slot, row: u32) -> bool {
  return slot.block_start + row >= slot.prompt && now_of[row] != old_of[row];
}

// The row of the n-th change, counted from 0.
fn change_at(slot: Slot, n: u32) -> u32 {
  var before = 0u;
  for (var i = 0u; i < slot.block; i++) {
    if (!changes_at(slot, i)) { continue; }
    if (before == n) { return i; }
    before++;
  }
  return 0u;
}

// The other one of a row's two best ids.
fn draw_again(s: u32, row: u32) {
  let first = drawn[live[4u + s] + row].xy;
  change(row, select(first, notes[note_at(s, row)], now_of[row] == first.x));
}

// Does what the edits among the rows say. Ids of the prompt stay what and where they are.
fn move_rows(slot: Slot, s: u32, at: u32) {
  var n = 0u;
  for (var i = 0u; i < slot.block; i++) {
    let id = now_of[i];
    let edit = is_edit(id) && slot.block_start + i >= slot.prompt;
    if (edit && id == p.remove) { continue; }
    if (edit) {
      n = put(s, n, p.mask, 0.0, 0u);
      n = put(s, n, old_of[i], confidence[at + i], original_of[i]);
    } else {
      n = put(s, n, id, sure_of[i], original_of[i]);
    }
  }
  while (n < slot.block) { n = put(s, n, p.mask, 0.0, 0u); }
}

// Takes what comes to stand in a row, where the block has it; returns the next row.
fn put(s: u32, row: u32, id: u32, sure: f32, original: u32) -> u32 {
  if (row < BLOCK) {
    next_of[row] = id;
    next_sure[row] = sure;
    notes[note_at(s, row) + 2u].x = original;
  }
  return row + 1u;
}
