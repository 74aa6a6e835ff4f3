// table[id] = sum of dx[row] over the rows of token id, in the order given; added to it with ADDED, and 0
// where there is no row without. One workgroup per id and stretch of COLUMNS * LANES * 4 channels.
struct Params { width4: u32, first: u32, count: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> dx: array<vec4f>;            // [rows, width4]
@group(0) @binding(2) var<storage, read_write> table: array<vec4f>;   // [count, width4] of ids first and on
@group(0) @binding(3) var<storage, read> order: array<u32>;           // [rows] sorted by token
@group(0) @binding(4) var<storage, read> segments: array<vec2u>;      // [vocab] start in order, count

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let at = group.z * SIDE + group.y;
  if (at >= p.count) { return; }
  let segment = segments[p.first + at];
  if (ADDED && segment.y == 0u) { return; }
  let start = group.x * COLUMNS * LANES + lane;
  var sums: array<vec4f, COLUMNS>;
  for (var n = segment.x; n < segment.x + segment.y; n++) {
    let from_ = order[n] * p.width4;
    for (var c = 0u; c < COLUMNS; c++) { // unroll
      let i = start + c * LANES;
      if (i < p.width4) { sums[c] += dx[from_ + i]; }
    }
  }
  for (var c = 0u; c < COLUMNS; c++) { // unroll
    let i = start + c * LANES;
    if (i < p.width4) {
      if (ADDED) { sums[c] += table[at * p.width4 + i]; }
      table[at * p.width4 + i] = sums[c];
    }
  }
}
