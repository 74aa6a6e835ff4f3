// For a CPU driver whose subgroup is the workgroup. In steps of eight along r each lane loads eight values of
// dy and, for each r, its own columns of w; the subgroup passes dy around (a load costs 30-40 ns, a broadcast
// 0.6). A lane's dy is of one output row and eight r, or (WEIGHT) of one r and eight output rows.
@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let tile = tile_at(group);
  if (tile.count == 0u) { return; }
  let i0 = group.y * ROWS;
  let column = group.x * LANES + lane; // lanes past the last column still load dy for the others
  let w_column = min(column, p.k_runs - 1u);
  let steps = select(p.n, tile.count, WEIGHT);
  var dy_at: array<u32, XG>;
  if (!WEIGHT) {
    for (var g = 0u; g < XG; g++) { // unroll
      dy_at[g] = dy_row(tile, min(g * LANES + lane, tile.count - 1u)) * p.dy_stride + p.dy_start;
    }
  }
  var acc: array<array<vec4f, PARTS>, ROWS>;
  for (var r0 = 0u; r0 < steps; r0 += LANES) {
    let r = min(r0 + lane, steps - 1u);
    let lane_row = w_row(tile, r) * p.k_runs;
    var a: array<array<vec4f, 2>, XG>;
    if (WEIGHT) {
      for (var g = 0u; g < XG; g++) { // unroll
        a[g] = weight_run(tile, r0 + lane, steps, i0 + g * LANES);
      }
    } else {
      for (var g = 0u; g < XG; g++) { // unroll
        a[g] = dy_run(dy_at[g] + r0, steps - r0);
      }
    }
    var b: array<array<vec4f, PARTS>, 8>;
    for (var j = 0u; j < 8u; j++) { // unroll
      b[j] = w_run(subgroupBroadcast(lane_row, j) + w_column);
    }
    for (var i = 0u; i < ROWS; i++) { // unroll
      for (var j = 0u; j < 8u; j++) { // unroll
        var value: f32;
        if (WEIGHT) {
          value = subgroupBroadcast(a[i / 8u][i % 8u / 4u][i % 4u], j);
        } else {
          value = subgroupBroadcast(a[i / 8u][j / 4u][j % 4u], i % 8u);
        }
        for (var h = 0u; h < PARTS; h++) { // unroll
          acc[i][h] = fma(vec4f(value), b[j][h], acc[i][h]);
        }
      }
    }
  }
  for (var i = 0u; i < ROWS; i++) { // unroll
    store_sums(tile, i, i0, column, acc[i]);
  }
}
