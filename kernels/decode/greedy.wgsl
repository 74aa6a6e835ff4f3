// Draws for rows of greedy slots from the head's partial results (store_head.wgsl): v = argmax over ids
// other than the mask (ties: lower id), c = softmax(logits)[v]. Rows of other slots are left to `sample`.
// One workgroup per row; lanes stride over the partials and merge once per reduction.
struct Params { groups: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> live: array<u32>;
@group(0) @binding(2) var<storage, read> rows: array<vec4u>;              // [rows] (slot, position, token, keys)
@group(0) @binding(3) var<storage, read> slots: array<Slot>;              // [slots]
@group(0) @binding(4) var<storage, read> partials: array<vec4u>;          // [rows, groups] (peak, top, id, sum)
@group(0) @binding(5) var<storage, read_write> drawn: array<vec4u>;       // [rows] (token, confidence bits, kept, finite)

// Partials LANES apart, all on their way before the first is looked at.
fn four_parts(base: u32, from_: u32) -> array<vec4u, 4> {
  var parts: array<vec4u, 4>;
  for (var i = 0u; i < 4u; i++) { // unroll
    parts[i] = partials[base + min(from_ + i * LANES, p.groups - 1u)];
  }
  return parts;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x;
  if (row >= live[1]) { return; }
  if (!is_greedy(slots[rows[row].x])) { return; }
  let base = row * p.groups;
  var top = Top(LOWEST, 0xffffffffu);
  var peak = LOWEST;
  for (var from_ = lane; from_ < p.groups; from_ += 4u * LANES) {
    let parts = four_parts(base, from_); // the last one of a row may be met again
    for (var i = 0u; i < 4u; i++) { // unroll
      peak = max(peak, bitcast<f32>(parts[i].x));
      if (bitcast<f32>(parts[i].y) > top.z) { top = Top(bitcast<f32>(parts[i].y), parts[i].z); }
    }
  }
  top = highest(lane, top.z, top.id);
  peak = highest(lane, peak, 0u).z;
  var sum = 0.0;
  var broken = 0.0;
  for (var from_ = lane; from_ < p.groups; from_ += 4u * LANES) {
    let parts = four_parts(base, from_);
    for (var i = 0u; i < 4u; i++) { // unroll
      let mine = bitcast<f32>(parts[i].w);
      if (mine < 0.0) { broken = 1.0; }
      if (from_ + i * LANES < p.groups) { sum += mine * exp(bitcast<f32>(parts[i].x) - peak); }
    }
  }
  sum = total(lane, sum);
  broken = total(lane, broken);
  let confidence = exp(top.z - peak) / sum;
  if (lane == 0u) { drawn[row] = vec4u(top.id, bitcast<u32>(confidence), 1u, select(1u, 0u, broken > 0.0)); }
}
