// Gradients of y = x . W^T. By x (WEIGHT false): dx[t, c] = sum_n dy[t, n] * W[n, c]. By W (WEIGHT true):
// dw[n, c] += sum_t dy[t, n] * x[t, c]. Both are out[i, c] = sum_r dy . w[r, c] where `w` holds W or x, with
// dy[i, r] in the one and dy[r, i] in the other. Sums run along r in order with explicit fma, then join what
// `out` holds: an element's bits do not depend on tiles of outputs or lanes.
struct Params {
  rows_at: u32, n: u32, k_runs: u32, dy_start: u32, dy_stride: u32,
  choices: u32, expert_start: u32, expert_count: u32, tile: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(4) var<storage, read_write> out: array<vec4f>;   // [rows of dx or dw, k / 4]

// The tile of a workgroup: its rows of dx, or the dispatch's that add to its rows of dw.
fn tile_at(group: vec3u) -> Tile {
  if (WEIGHT) { return tile_of(p.tile + group.z); }
  return tile_of(group.y);
}

// Row r of w: of W itself, or the row of x that goes with a row of dy.
fn w_row(tile: Tile, r: u32) -> u32 {
  if (!WEIGHT) { return tile.expert * p.n + r; }
  if (DOWN) { return target_row(tile, r); }
  return source_row(tile, r);
}

// Row of dy of the tile's row q. Experts' outputs belong to an assignment on the up side, on the down side
// to a token, as their inputs do the other way round.
fn dy_row(tile: Tile, q: u32) -> u32 {
  if (DOWN || !WEIGHT) { return source_row(tile, q); }
  return target_row(tile, q);
}

// Eight values of dy for step r of dw: output rows i, i + 1, ..., as routed; zeros past the last step, and any
// values past the last output row.
fn weight_run(tile: Tile, r: u32, steps: u32, i: u32) -> array<vec4f, 2> {
  let q = min(r, steps - 1u);
  let scale = select(0.0, scale_of(target_row(tile, q)), r < steps);
  let run = dy_run(dy_row(tile, q) * p.dy_stride + p.dy_start + min(i, p.n - 1u), p.n - min(i, p.n));
  return array<vec4f, 2>(run[0] * scale, run[1] * scale);
}

// Adds a lane's sums to row i of the tile's outputs; i0 is the first row of dw. `column` counts runs.
fn store_sums(tile: Tile, i: u32, i0: u32, column: u32, sums: array<vec4f, PARTS>) {
  var row = tile.expert * p.n + i0 + i;
  var rows = p.n - i0;
  if (!WEIGHT) {
    row = target_row(tile, min(i, tile.count - 1u));
    rows = tile.count;
  }
  if (i >= rows || column >= p.k_runs) { return; }
  let at = (row * p.k_runs + column) * PARTS;
  for (var h = 0u; h < PARTS; h++) { // unroll
    if (ADD) { out[at + h] += sums[h]; } else { out[at + h] = sums[h]; }
  }
}
