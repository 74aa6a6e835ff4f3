// As matmul_grad_subgroup.wgsl without subgroups: each lane loads all of dy itself, RUNS rows of it a step.
@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let tile = tile_at(group);
  if (tile.count == 0u) { return; }
  let i0 = group.y * ROWS;
  let column = group.x * LANES + lane;
  let w_column = min(column, p.k_runs - 1u);
  let steps = select(p.n, tile.count, WEIGHT);
  var dy_at: array<u32, RUNS>;
  if (!WEIGHT) {
    for (var i = 0u; i < RUNS; i++) { // unroll
      dy_at[i] = dy_row(tile, min(i, tile.count - 1u)) * p.dy_stride + p.dy_start;
    }
  }
  var acc: array<array<vec4f, PARTS>, ROWS>;
  for (var r0 = 0u; r0 < steps; r0 += 8u) {
    var a: array<array<vec4f, 2>, RUNS>;
    for (var s = 0u; s < RUNS; s++) { // unroll
      if (WEIGHT) {
        a[s] = weight_run(tile, r0 + s, steps, i0);
      } else {
        a[s] = dy_run(dy_at[s] + r0, steps - r0);
      }
    }
    for (var j = 0u; j < 8u; j++) { // unroll
      let b = w_run(w_row(tile, min(r0 + j, steps - 1u)) * p.k_runs + w_column);
      for (var i = 0u; i < ROWS; i++) { // unroll
        var value: f32;
        if (WEIGHT) { value = a[j % RUNS][i % 8u / 4u][i % 4u]; } else { value = a[i % RUNS][j / 4u][j % 4u]; }
        for (var h = 0u; h < PARTS; h++) { // unroll
          acc[i][h] = fma(vec4f(value), b[h], acc[i][h]);
        }
      }
    }
  }
  for (var i = 0u; i < ROWS; i++) { // unroll
    store_sums(tile, i, i0, column, acc[i]);
  }
}
