// For a CPU driver whose subgroup is the workgroup: as matmul_registers.wgsl, but each lane loads x of one
// row and the subgroup passes it around. A load costs 30 ns on such a device, uniform or not, a broadcast
// 0.6: a step of TM rows by LANES * NW weight rows takes TM / LANES + NW loads instead of TM + NW.
@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let tile = tile_of(group.y);
  if (tile.count == 0u) { return; }
  let w0 = (group.x * LANES + lane) * NW; // lanes past the last weight row still load x for the others
  var xi: array<u32, XG>;
  for (var g = 0u; g < XG; g++) { // unroll
    xi[g] = source_row(tile, min(g * LANES + lane, tile.count - 1u)) * p.k_runs;
  }
  let wi = weight_starts(tile.expert, w0);
  var acc: array<array<f32, NW>, TM>;
  for (var k = 0u; k < p.k_runs; k++) {
    var a: array<array<vec4f, PARTS>, XG>;
    for (var g = 0u; g < XG; g++) { // unroll
      a[g] = x_run(xi[g] + k);
    }
    var b: array<array<vec4f, PARTS>, NW>;
    for (var j = 0u; j < NW; j++) { // unroll
      b[j] = w_run(wi[j] + k);
    }
    for (var i = 0u; i < TM; i++) { // unroll
      for (var h = 0u; h < PARTS; h++) { // unroll
        let row = subgroupBroadcast(a[i / LANES][h], i % LANES);
        for (var j = 0u; j < NW; j++) { // unroll
          acc[i][j] = dot_onto(acc[i][j], row, b[j][h]);
        }
      }
    }
  }
  var places: array<u32, XG>;
  var scales: array<f32, XG>;
  for (var g = 0u; g < XG; g++) { // unroll
    let row = target_row(tile, min(g * LANES + lane, tile.count - 1u));
    places[g] = place_of(row);
    scales[g] = scale_of(row);
  }
  for (var i = 0u; i < TM; i++) { // unroll
    let at = subgroupBroadcast(places[i / LANES], i % LANES);
    let scale = subgroupBroadcast(scales[i / LANES], i % LANES);
    if (i < tile.count) { store_sums(at, scale, w0, acc[i]); }
  }
  finish_tile(tile, group.x, lane);
}
