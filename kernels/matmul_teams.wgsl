// For GPUs: a team of SHARES lanes has NW weight rows, as kernels/shares.wgsl says. x goes through workgroup
// memory, 8 blocks of all TM rows at a time, while the next x and weights are in flight. Rows that the tile
// does not have are skipped by GUARDED.
const COLUMNS = LANES / SHARES;            // teams beside each other
const STAGE_QUADS = SHARES * BLOCK_QUADS;
var<workgroup> x_tile: array<array<vec4f, SHARES>, ROW_QUADS>; // [row, quad of its block][share]

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let tile = tile_of(group.y);
  if (tile.count == 0u) { return; }
  let share = lane % SHARES;
  let column = lane / SHARES;
  let w0 = (group.x * COLUMNS + column) * NW;
  let last_block = (p.k_runs - 1u) / BLOCK_QUADS;
  var wi: array<u32, NW>;
  var ahead_w: array<Raw, NW>;
  for (var j = 0u; j < NW; j++) { // unroll
    wi[j] = (tile.expert * p.n + min(w0 + j, p.n - 1u)) * p.w_runs;
    ahead_w[j] = load_raw(wi[j], min(share, last_block) * PIECES);
  }
  // Of x, neighbouring lanes load neighbouring shares, then the next quad of the same blocks, then rows.
  let quad = column % BLOCK_QUADS;
  let my_quad = share * BLOCK_QUADS + quad;
  var xi: array<u32, LOADS>;
  var ahead_x: array<vec4f, LOADS>;
  for (var t = 0u; t < LOADS; t++) { // unroll
    xi[t] = source_row(tile, min((t * LANES + lane) / STAGE_QUADS, tile.count - 1u)) * p.k_runs;
    ahead_x[t] = x[xi[t] + min(my_quad, p.k_runs - 1u)];
  }
  // Lane s of a team stores rows s, s + SHARES and so on.
  var targets: array<u32, TURNS>;
  for (var turn = 0u; turn < TURNS; turn++) { // unroll
    targets[turn] = target_row(tile, min(turn * SHARES + share, tile.count - 1u));
  }
  var acc: array<array<f32, NW>, TM>;
  for (var k = 0u; k < p.k_runs; k += STAGE_QUADS) {
    workgroupBarrier();
    for (var t = 0u; t < LOADS; t++) { // unroll
      let row = (t * LANES + lane) / STAGE_QUADS;
      x_tile[row * BLOCK_QUADS + quad][share] = select(vec4f(), ahead_x[t], k + my_quad < p.k_runs);
    }
    workgroupBarrier();
    let next = k + STAGE_QUADS;
    for (var t = 0u; t < LOADS; t++) { // unroll
      ahead_x[t] = x[xi[t] + min(next + my_quad, p.k_runs - 1u)];
    }
    let block = min(k / BLOCK_QUADS + share, last_block);
    let next_block = min(next / BLOCK_QUADS + share, last_block);
    for (var piece = 0u; piece < PIECES; piece++) { // unroll
      var raw = ahead_w;
      for (var j = 0u; j < NW; j++) { // unroll
        if (piece + 1u < PIECES) {
          ahead_w[j] = load_raw(wi[j], block * PIECES + piece + 1u);
        } else {
          ahead_w[j] = load_raw(wi[j], next_block * PIECES);
        }
      }
      for (var pair = 0u; pair < PAIRS; pair++) { // unroll
        var b: array<array<vec4f, 2>, NW>;
        for (var j = 0u; j < NW; j++) { // unroll
          b[j] = pair_of(raw[j], pair);
        }
        for (var part = 0u; part < GUARDS; part++) { // unroll
          if (part * GUARDED < tile.count) {
            for (var i = 0u; i < GUARDED; i++) { // unroll
              for (var g = 0u; g < 2u; g++) { // unroll
                let a = x_tile[(part * GUARDED + i) * BLOCK_QUADS + (piece * PAIRS + pair) * 2u + g][share];
                for (var j = 0u; j < NW; j++) { // unroll
                  acc[part * GUARDED + i][j] = dot_onto(acc[part * GUARDED + i][j], a, b[j][g]);
                }
              }
            }
          }
        }
      }
    }
  }
  for (var turn = 0u; turn < TURNS; turn++) { // unroll
    var mine: array<f32, NW>;
    for (var v = 0u; v < TURN_SUMS; v++) { // unroll
      var four: vec4f;
      for (var e = 0u; e < 4u; e++) { // unroll
        four[e] = acc[min(turn * SHARES + (4u * v + e) / NW, TM - 1u)][(4u * v + e) % NW];
      }
      four = sum_shares(lane, four);
      for (var e = 0u; e < 4u; e++) { // unroll
        if (share == (4u * v + e) / NW) { mine[(4u * v + e) % NW] = four[e]; }
      }
    }
    let row = turn * SHARES + share;
    if (share < TM && row < tile.count) { store_sums(targets[turn], w0, mine); }
  }
  finish_tile(tile, group.x, lane);
}
