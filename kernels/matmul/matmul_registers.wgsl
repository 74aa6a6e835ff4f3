// For SIMD lanes of a CPU driver: a lane keeps TM x NW sums in registers and walks k alone; no workgroup
// memory, no barrier (both cost a CPU driver more than they save).
@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let tile = tile_of(group.y);
  let w0 = (group.x * LANES + lane) * NW; // lanes past the last weight row go along, for the barrier
  if (tile.count == 0u) { return; }
  var xi: array<u32, TM>;
  for (var i = 0u; i < TM; i++) { // unroll
    xi[i] = source_row(tile, min(i, tile.count - 1u)) * p.k_runs;
  }
  let wi = weight_starts(tile.expert, w0);
  var acc: array<array<f32, NW>, TM>;
  for (var k = 0u; k < p.k_runs; k++) {
    var b: array<array<vec4f, PARTS>, NW>;
    for (var j = 0u; j < NW; j++) { // unroll
      b[j] = w_run(wi[j] + k);
    }
    for (var i = 0u; i < TM; i++) { // unroll
      let a = x_run(xi[i] + k);
      for (var h = 0u; h < PARTS; h++) { // unroll
        for (var j = 0u; j < NW; j++) { // unroll
          acc[i][j] = dot_onto(acc[i][j], a[h], b[j][h]);
        }
      }
    }
  }
  for (var i = 0u; i < TM; i++) { // unroll
    if (i < tile.count) {
      let row = target_row(tile, i);
      store_sums(place_of(row), scale_of(row), w0, acc[i]);
    }
  }
  finish_tile(tile, group.x, lane);
}
