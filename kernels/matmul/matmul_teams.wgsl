// For GPUs: a team of SHARES lanes has NW weight rows, as kernels/shares.wgsl says. x goes through workgroup
// memory, 8 blocks of all TM rows at a time; how it stands there and is multiplied, the file before this one
// says. The next AHEAD loads of x and of weights are in flight meanwhile. Rows that the tile does not have are
// skipped by GUARDED.
const COLUMNS = LANES / SHARES;            // teams beside each other
const STAGE_QUADS = SHARES * BLOCK_QUADS;
const ROW_LOADS = STAGE_QUADS / LOAD_QUADS;

// A lane's part of x, where there is one for each lane.
fn load_x(row: u32, quad: u32, load: u32) -> array<vec4f, LOAD_QUADS> {
  var quads: array<vec4f, LOAD_QUADS>;
  if (TM * ROW_LOADS % LANES == 0u || load < TM * ROW_LOADS) {
    for (var q = 0u; q < LOAD_QUADS; q++) { // unroll
      // Whole blocks hold all loads of a lane or none: one address for them.
      let i = select(min(quad + q, p.k_runs - 1u), min(quad, p.k_runs - LOAD_QUADS) + q, WHOLE_BLOCKS);
      quads[q] = x[row + i];
    }
  }
  return quads;
}

// What a lane multiplies: a piece of its share's block of weights, with the tile's `count` rows.
struct Step { piece: u32, share: u32, count: u32, merged: u32 }

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  // On a GPU the tiles of the same weights start together, and such as have no rows between others, not all at the end.
  let columns_at = select(group.x, group.y, TILES_FIRST);
  let tile = tile_here(select(group.y, group.x, TILES_FIRST), columns_at, lane);
  if (tile.count == 0u) { return; }
  let share = lane % SHARES;
  let merged = p.merged | (lane & p.zero);
  let column = lane / SHARES;
  let w0 = (columns_at * COLUMNS + column) * NW;
  let last_block = (p.k_runs - 1u) / BLOCK_QUADS;
  let wi = weight_starts(tile.expert, w0);
  var ahead_w: array<array<Raw, NW>, AHEAD>;
  for (var d = 0u; d < AHEAD; d++) { // unroll
    let block = min(d / PIECES * SHARES + share, last_block);
    for (var j = 0u; j < NW; j++) { // unroll
      ahead_w[d][j] = load_raw(wi[j], block * PIECES + d % PIECES);
    }
  }
  let my_quad = first_quad(lane % ROW_LOADS);
  var xi: array<u32, LOADS>;
  for (var t = 0u; t < LOADS; t++) { // unroll
    xi[t] = source_row(tile, min((t * LANES + lane) / ROW_LOADS, tile.count - 1u)) * p.k_runs;
  }
  var ahead_x: array<array<array<vec4f, LOAD_QUADS>, LOADS>, AHEAD>;
  for (var d = 0u; d < AHEAD; d++) { // unroll
    for (var t = 0u; t < LOADS; t++) { // unroll
      ahead_x[d][t] = load_x(xi[t], d * STAGE_QUADS + my_quad, t * LANES + lane);
    }
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
      var quads: array<vec4f, LOAD_QUADS>;
      for (var q = 0u; q < LOAD_QUADS; q++) { // unroll
        quads[q] = select(vec4f(), ahead_x[0][t][q], WHOLE_STEPS || k + my_quad + q < p.k_runs);
      }
      put_x(lane, (t * LANES + lane) / ROW_LOADS, quads);
    }
    workgroupBarrier();
    for (var d = 0u; d < WAITING; d++) { // unroll
      ahead_x[d] = ahead_x[d + 1u];
    }
    for (var t = 0u; t < LOADS; t++) { // unroll
      ahead_x[WAITING][t] = load_x(xi[t], k + AHEAD * STAGE_QUADS + my_quad, t * LANES + lane);
    }
    for (var piece = 0u; piece < PIECES; piece++) { // unroll
      let raw = ahead_w[0];
      for (var d = 0u; d < WAITING; d++) { // unroll
        ahead_w[d] = ahead_w[d + 1u];
      }
      let later = piece + AHEAD;
      let block = min(k / BLOCK_QUADS + later / PIECES * SHARES + share, last_block);
      for (var j = 0u; j < NW; j++) { // unroll
        ahead_w[WAITING][j] = load_raw(wi[j], block * PIECES + later % PIECES);
      }
      multiply(&acc, raw, Step(piece, share, tile.count, merged));
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
    if ((share < TM) & (row < tile.count)) { store_sums(place_of(targets[turn]), scale_of(targets[turn]), w0, mine); }
  }
  finish_tile(tile, columns_at, lane);
}
