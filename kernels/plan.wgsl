// Starts a pass: lists the rows of every slot that has work (denoising slots first, since only their
// rows need logits), and counts them. One workgroup, a lane per slot.
struct Params { slots: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> live: array<u32>;        // rows, rows that need logits, pass, 0, first row of each slot
@group(0) @binding(2) var<storage, read> slots: array<Slot>;            // [slots]
@group(0) @binding(3) var<storage, read> canvas: array<u32>;            // [slots, CANVAS] token ids
@group(0) @binding(4) var<storage, read_write> rows: array<vec4u>;      // [rows] (slot, position, token, keys)

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32) {
  // Where loops end by uniforms alone, Mesa's CPU driver may compile their values in, at every dispatch.
  let count = min(p.slots, arrayLength(&slots));
  for (var s = lane; s < count; s += LANES) {
    let mine = slots[s].phase;
    if (mine != DENOISE && mine != COMMIT) { continue; }
    var at = 0u;
    for (var other = 0u; other < count; other++) {
      let phase = slots[other].phase;
      let earlier = phase == mine && other < s;
      if (earlier || (mine == COMMIT && phase == DENOISE)) { at += slots[other].block; }
    }
    live[4u + s] = at;
    let start = slots[s].block_start;
    let block = slots[s].block;
    for (var i = 0u; i < block; i++) {
      rows[at + i] = vec4u(s, start + i, canvas[s * CANVAS + start + i], start + block);
    }
  }
  if (lane == 0u) {
    var denoise = 0u;
    var commit = 0u;
    for (var s = 0u; s < count; s++) {
      let phase = slots[s].phase;
      denoise += select(0u, slots[s].block, phase == DENOISE);
      commit += select(0u, slots[s].block, phase == COMMIT);
    }
    live[0] = denoise + commit;
    live[1] = denoise;
    live[2] += 1u;
  }
}
