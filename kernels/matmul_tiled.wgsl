// For GPUs: a workgroup of 4 x 16 lanes shares a tile of TM rows and 16 * NW weight rows, KT groups of four
// channels at a time, through workgroup memory; a lane sums RM = TM / 4 rows by NW weight rows.
const COLUMNS = 16u * NW;
var<workgroup> x_tile: array<vec4f, KT * TM>;
var<workgroup> w_tile: array<vec4f, KT * COLUMNS>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let tile = tile_of(group.y);
  if (tile.count == 0u) { return; }
  let column0 = group.x * COLUMNS;
  let row0 = lane / 16u * RM;
  let lane_column = lane % 16u * NW;
  var acc: array<array<f32, NW>, RM>;
  for (var k0 = 0u; k0 < p.k_runs; k0 += KT) {
    workgroupBarrier();
    for (var t = lane; t < TM * KT; t += LANES) {
      let k = k0 + t % KT;
      let row = source_row(tile, min(t / KT, tile.count - 1u));
      x_tile[t % KT * TM + t / KT] = select(vec4f(), x[row * p.k_runs + min(k, p.k_runs - 1u)], k < p.k_runs);
    }
    for (var t = lane; t < COLUMNS * KT; t += LANES) {
      let k = k0 + t % KT;
      let row = tile.expert * p.n + min(column0 + t / KT, p.n - 1u);
      w_tile[t % KT * COLUMNS + t / KT] = select(vec4f(), load_w(row * p.w_runs + min(k, p.k_runs - 1u)), k < p.k_runs);
    }
    workgroupBarrier();
    for (var k = 0u; k < KT; k++) {
      var b: array<vec4f, NW>;
      for (var j = 0u; j < NW; j++) { // unroll
        b[j] = w_tile[k * COLUMNS + lane_column + j];
      }
      for (var i = 0u; i < RM; i++) { // unroll
        let a = x_tile[k * TM + row0 + i];
        for (var j = 0u; j < NW; j++) { // unroll
          acc[i][j] = dot_onto(acc[i][j], a, b[j]);
        }
      }
    }
  }
  for (var i = 0u; i < RM; i++) { // unroll
    if (row0 + i < tile.count) { store_sums(target_row(tile, row0 + i), column0 + lane_column, acc[i]); }
  }
  finish_tile(tile, group.x, lane);
}
