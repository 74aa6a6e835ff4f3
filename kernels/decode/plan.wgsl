// Starts a pass: lists the rows of every slot that has work, and counts them. First the blocks that are being
// denoised, whose rows need logits. Behind them, for slots that have just moved on, the blocks they have
// finished, whose keys and values are stored now that their tokens are final. One pass may do both: a layer
// stores the keys and values of all rows before any row looks at them, and rows of the finished block see none
// of the next. Where the host says that blocks are stored alone, it does that, and the next pass begins the next
// block. One workgroup; each team of TEAM lanes takes a stretch of the slots and shares the rows of
// each, and none looks at all slots for each of its own: Mesa's CPU driver ends loops that turn too often
// (MOST_TURNS in launch.ts).
struct Params { slots: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> live: array<u32>;        // rows, rows that need logits, pass, whether blocks are stored alone, first row with logits of each slot
@group(0) @binding(2) var<storage, read> slots: array<Slot>;            // [slots]
@group(0) @binding(3) var<storage, read> canvas: array<u32>;            // [slots, CANVAS] token ids
@group(0) @binding(4) var<storage, read_write> rows: array<vec4u>;      // [rows] (slot, position, token, keys)

const TEAMS = LANES / TEAM;
var<workgroup> team_rows: array<vec2u, TEAMS>; // being denoised and being committed, of the slots of each team

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32) {
  // Where loops end by uniforms alone, Mesa's CPU driver may compile their values in, at every dispatch.
  let count = min(p.slots, arrayLength(&slots));
  let stretch = (count + TEAMS - 1u) / TEAMS;
  let team = lane / TEAM;
  let member = lane % TEAM;
  let first = min(team * stretch, count);
  let end = min(first + stretch, count);
  var mine = vec2u();
  for (var s = first; s < end; s++) { mine += rows_of(s); }
  if (member == 0u) { team_rows[team] = mine; }
  workgroupBarrier();
  var before = vec2u();
  var all = vec2u();
  for (var other = 0u; other < TEAMS; other++) {
    if (other < team) { before += team_rows[other]; }
    all += team_rows[other];
  }
  var next = vec2u(before.x, all.x + before.y);
  for (var s = first; s < end; s++) {
    let counts = rows_of(s);
    if (counts.x + counts.y == 0u) { continue; }
    if (member == 0u) { live[4u + s] = next.x; }
    let block = slots[s].block;
    let start = slots[s].block_start;
    for (var i = member; i < block; i += TEAM) {
      if (counts.x > 0u) { rows[next.x + i] = row_of(s, start + i, start + block); }
      if (counts.y > 0u) { rows[next.y + i] = row_of(s, start - block + i, start); }
    }
    next += counts;
  }
  if (lane == 0u) {
    live[0] = all.x + all.y;
    live[1] = all.x;
    live[2] += 1u;
  }
}

// Rows of a slot that are being denoised, and that are being committed.
fn rows_of(s: u32) -> vec2u {
  let phase = slots[s].phase;
  return select(vec2u(), vec2u(slots[s].block), vec2<bool>(denoises(phase, live[3]), phase == COMMIT));
}

fn row_of(s: u32, position: u32, keys: u32) -> vec4u {
  return vec4u(s, position, canvas[s * CANVAS + position], keys);
}
