// y = x w^T by subgroup matrices, which GPUs have units for (WGSL's extension chromium_experimental_subgroup_matrix).
// A workgroup takes TILE_ROWS rows of x by TILE_COLUMNS rows of w, STAGE channels at a time: rounded to float16 in
// workgroup memory, while the next ones are in flight. Each subgroup has LEFTS x RIGHTS products of M x N, whose
// sums are float32. Rows of both divide by the tile; this is a trial for bench/subgroup_matrix.ts.
struct Params { n: u32, k_runs: u32, w_runs: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(3) var<storage, read> x: array<vec4f>;       // [rows, k_runs]
@group(0) @binding(4) var<storage, read_write> y: array<f32>;   // [rows, n]

alias Left = subgroup_matrix_left<f16, K, M>;
alias Right = subgroup_matrix_right<f16, N, K>;
alias Product = subgroup_matrix_result<f32, N, M>;

const QUADS = STAGE / 4u;
const STRIDE = STAGE + 8u;                                      // eight more move neighbours to other banks
var<workgroup> tile: array<f16, (TILE_ROWS + TILE_COLUMNS) * STRIDE>; // [rows of x, then of w][channel]

fn put(row: u32, quad: u32, v: vec4f) {
  let h = vec4h(v);
  let at = row * STRIDE + 4u * quad;
  tile[at] = h.x;
  tile[at + 1u] = h.y;
  tile[at + 2u] = h.z;
  tile[at + 3u] = h.w;
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_id) subgroup: u32,
) {
  let row0 = group.y * TILE_ROWS;
  let column0 = group.x * TILE_COLUMNS;
  let row = lane / QUADS;
  let quad = lane % QUADS;
  let my_row = subgroup / ACROSS * (LEFTS * M);
  let my_column = subgroup % ACROSS * (RIGHTS * N);
  var ahead_x: array<vec4f, X_LOADS>;
  var ahead_w: array<vec4f, W_LOADS>;
  for (var t = 0u; t < X_LOADS; t++) { // unroll
    ahead_x[t] = x[(row0 + row + t * (LANES / QUADS)) * p.k_runs + quad];
  }
  for (var t = 0u; t < W_LOADS; t++) { // unroll
    ahead_w[t] = load_w((column0 + row + t * (LANES / QUADS)) * p.w_runs + quad);
  }
  var sums: array<array<Product, RIGHTS>, LEFTS>;
  for (var k = 0u; k < p.k_runs; k += QUADS) {
    workgroupBarrier();
    for (var t = 0u; t < X_LOADS; t++) { // unroll
      put(row + t * (LANES / QUADS), quad, ahead_x[t]);
    }
    for (var t = 0u; t < W_LOADS; t++) { // unroll
      put(TILE_ROWS + row + t * (LANES / QUADS), quad, ahead_w[t]);
    }
    workgroupBarrier();
    let next = min(k + QUADS, p.k_runs - QUADS) + quad;
    for (var t = 0u; t < X_LOADS; t++) { // unroll
      ahead_x[t] = x[(row0 + row + t * (LANES / QUADS)) * p.k_runs + next];
    }
    for (var t = 0u; t < W_LOADS; t++) { // unroll
      ahead_w[t] = load_w((column0 + row + t * (LANES / QUADS)) * p.w_runs + next);
    }
    for (var step = 0u; step < STEPS; step++) { // unroll
      var right: array<Right, RIGHTS>;
      for (var j = 0u; j < RIGHTS; j++) { // unroll
        right[j] = subgroupMatrixLoad<Right, col_major>(&tile, (TILE_ROWS + my_column + j * N) * STRIDE + step * K, STRIDE);
      }
      for (var i = 0u; i < LEFTS; i++) { // unroll
        let left = subgroupMatrixLoad<Left, row_major>(&tile, (my_row + i * M) * STRIDE + step * K, STRIDE);
        for (var j = 0u; j < RIGHTS; j++) { // unroll
          sums[i][j] = subgroupMatrixMultiplyAccumulate(left, right[j], sums[i][j]);
        }
      }
    }
  }
  for (var i = 0u; i < LEFTS; i++) { // unroll
    for (var j = 0u; j < RIGHTS; j++) { // unroll
      let at = (row0 + my_row + i * M) * p.n + column0 + my_column + j * N;
      subgroupMatrixStore<row_major>(&y, at, sums[i][j], p.n);
    }
  }
}
