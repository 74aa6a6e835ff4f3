// y = x . W^T over many rows, to the bit as kernels/matmul/matmul_teams.wgsl: a trial. A workgroup has TM rows by
// TN weight rows, a lane 8 by 8 of their sums. x and decoded weights go through workgroup memory, a block of 32
// channels at a time, so that a weight is decoded once for TM rows. A team's lane s sums blocks s, s + 8 and so on,
// so the lanes here do that for s = 0 to 7 one after the other, and join the sums by pairs as a team does.
const ROW = 9u; // quads of a block and one more, which moves neighbours to other banks
const GROUPS = TN / 8u;
var<workgroup> x_tile: array<array<vec4f, ROW>, TM>;
var<workgroup> w_tile: array<array<vec4f, ROW>, TN>; // weight row 8 g + j at j GROUPS + g: lanes read neighbours

fn load_x(row: u32, quad: u32) -> vec4f {
  return select(vec4f(), x[row + min(quad, p.k_runs - 1u)], quad < p.k_runs);
}

// A lane's part of the next block, and where its rows start.
struct Ahead { x: array<vec4f, X_LOADS>, w: array<Raw, W_LOADS> }
struct Starts { x: array<u32, X_LOADS>, w: array<u32, W_LOADS> }

fn load_ahead(starts: Starts, block: u32, lane: u32) -> Ahead {
  var ahead: Ahead;
  let last = (p.k_runs - 1u) / 8u;
  for (var t = 0u; t < X_LOADS; t++) { // unroll
    ahead.x[t] = load_x(starts.x[t], block * 8u + lane % 8u);
  }
  for (var t = 0u; t < W_LOADS; t++) { // unroll
    ahead.w[t] = load_raw(starts.w[t], min(block, last) * PIECES + (t * LANES + lane) % PIECES);
  }
  return ahead;
}

fn put(ahead: Ahead, lane: u32, merged: u32) {
  for (var t = 0u; t < X_LOADS; t++) { // unroll
    x_tile[(t * LANES + lane) / 8u][lane % 8u] = ahead.x[t];
  }
  for (var t = 0u; t < W_LOADS; t++) { // unroll
    let row = (t * LANES + lane) / PIECES;
    let quad = (t * LANES + lane) % PIECES * PIECE_QUADS;
    for (var pair = 0u; pair < PAIRS; pair++) { // unroll
      let eight = pair_of(ahead.w[t], pair, merged);
      w_tile[row % 8u * GROUPS + row / 8u][quad + 2u * pair] = eight[0];
      w_tile[row % 8u * GROUPS + row / 8u][quad + 2u * pair + 1u] = eight[1];
    }
  }
}

fn multiply(acc: ptr<function, array<array<f32, NW>, 8>>, rows: u32, columns: u32) {
  for (var q = 0u; q < 8u; q++) {
    var b: array<vec4f, NW>;
    for (var j = 0u; j < NW; j++) { // unroll
      b[j] = w_tile[j * GROUPS + columns][q];
    }
    for (var i = 0u; i < 8u; i++) { // unroll
      let a = x_tile[rows * 8u + i][q];
      for (var j = 0u; j < NW; j++) { // unroll
        (*acc)[i][j] = dot_onto((*acc)[i][j], a, b[j]);
      }
    }
  }
}

// acc joins what came before it.
fn add(acc: ptr<function, array<array<f32, NW>, 8>>, before: array<array<f32, NW>, 8>) {
  for (var i = 0u; i < 8u; i++) { // unroll
    for (var j = 0u; j < NW; j++) { // unroll
      (*acc)[i][j] = before[i][j] + (*acc)[i][j];
    }
  }
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let tile = tile_of(group.x);
  if (tile.count == 0u) { return; }
  let merged = p.merged | (lane & p.zero);
  let rows = lane / GROUPS;
  let columns = lane % GROUPS;
  var starts: Starts;
  for (var t = 0u; t < X_LOADS; t++) { // unroll
    starts.x[t] = source_row(tile, min((t * LANES + lane) / 8u, tile.count - 1u)) * p.k_runs;
  }
  for (var t = 0u; t < W_LOADS; t++) { // unroll
    starts.w[t] = min(group.y * TN + (t * LANES + lane) / PIECES, p.n - 1u) * p.w_runs;
  }
  var ones: array<array<f32, NW>, 8>;
  var twos: array<array<f32, NW>, 8>;
  var fours: array<array<f32, NW>, 8>;
  let blocks = (p.k_runs + 7u) / 8u;
  var ahead = load_ahead(starts, 0u, lane);
  for (var share = 0u; share < 8u; share++) {
    var acc = array<array<f32, NW>, 8>();
    for (var block = share; block < blocks; block += 8u) {
      workgroupBarrier();
      put(ahead, lane, merged);
      workgroupBarrier();
      ahead = load_ahead(starts, select(share + 1u, block + 8u, block + 8u < blocks), lane);
      multiply(&acc, rows, columns);
    }
    if (share % 2u == 0u) {
      ones = acc;
    } else {
      add(&acc, ones);
      if (share % 4u == 1u) {
        twos = acc;
      } else {
        add(&acc, twos);
        if (share == 7u) { add(&acc, fours); }
        fours = acc;
      }
    }
  }
  for (var i = 0u; i < 8u; i++) { // unroll
    let row = rows * 8u + i;
    if (row < tile.count) { store_sums(place_of(target_row(tile, row)), 1.0, group.y * TN + columns * NW, fours[i]); }
  }
}
