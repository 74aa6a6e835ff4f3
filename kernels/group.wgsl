// Groups the rows' choices by expert (a counting sort that keeps row order, so it is the same every
// time) and cuts each expert's list, its segment, into tiles of at most TM rows. One workgroup; a lane owns
// experts lane, lane + LANES, ...
struct Params { rows_at: u32, experts: u32, choices: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> live: array<u32>;
@group(0) @binding(2) var<storage, read> chosen: array<u32>;           // [rows, choices] expert
@group(0) @binding(3) var<storage, read_write> order: array<u32>;      // [rows * choices] assignments by expert
@group(0) @binding(4) var<storage, read_write> tiles: array<vec4u>;    // [1 + most tiles] (expert, start, count, 0)
@group(0) @binding(5) var<storage, read_write> segments: array<vec2u>; // [experts] (start in order, count)
var<workgroup> counts: array<u32, EXPERTS>;

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32) {
  let assignments = live[p.rows_at] * p.choices;
  for (var e = lane; e < p.experts; e += LANES) {
    var n = 0u;
    for (var a = 0u; a < assignments; a++) {
      n += select(0u, 1u, chosen[a] == e);
    }
    counts[e] = n;
  }
  workgroupBarrier();
  for (var e = lane; e < p.experts; e += LANES) {
    var start = 0u;
    var tile = 1u;
    for (var before = 0u; before < e; before++) {
      start += counts[before];
      tile += (counts[before] + TM - 1u) / TM;
    }
    let count = counts[e];
    segments[e] = vec2u(start, count);
    for (var done = 0u; done < count; done += TM) {
      tiles[tile] = vec4u(e, start + done, min(TM, count - done), 0u);
      tile++;
    }
    if (e == p.experts - 1u) { tiles[0] = vec4u(tile - 1u, 0u, 0u, 0u); }
    if (count > 0u) {
      for (var a = 0u; a < assignments; a++) {
        if (chosen[a] == e) { order[start] = a; start++; }
      }
    }
  }
}
