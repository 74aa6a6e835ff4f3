// For GPUs: a workgroup of 4 x 16 lanes shares a tile of ROWS output rows and 16 groups of four columns, KT
// steps of r at a time, through workgroup memory; a lane sums RM = ROWS / 4 rows. A workgroup walks all rows
// that add to its part of dw: a small weight keeps few workgroups busy, and more of them would need room for
// partial sums.
var<workgroup> dy_tile: array<f32, KT * ROWS>;
var<workgroup> w_tile: array<vec4f, KT * 16u>;

// dy of output row i and step r, zero past the end of the sum.
fn dy_value(tile: Tile, i: u32, r: u32, steps: u32) -> f32 {
  if (r >= steps) { return 0.0; }
  if (WEIGHT) {
    let value = dy[dy_row(tile, r) * p.dy_stride + p.dy_start + min(i, p.n - 1u)];
    return value * scale_of(target_row(tile, r));
  }
  return dy[dy_row(tile, min(i, tile.count - 1u)) * p.dy_stride + p.dy_start + r];
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let tile = tile_at(group);
  if (tile.count == 0u) { return; }
  let i0 = select(0u, group.y * ROWS, WEIGHT);
  let column0 = group.x * 16u;
  let steps = select(p.n, tile.count, WEIGHT);
  var acc: array<vec4f, RM>;
  for (var r0 = 0u; r0 < steps; r0 += KT) {
    workgroupBarrier();
    for (var t = lane; t < KT * ROWS; t += LANES) {
      // Neighbouring lanes take neighbouring values of dy.
      let i = select(t / KT, t % ROWS, WEIGHT);
      let r = select(t % KT, t / ROWS, WEIGHT);
      dy_tile[r * ROWS + i] = dy_value(tile, i0 + i, r0 + r, steps);
    }
    for (var t = lane; t < KT * 16u; t += LANES) {
      let r = r0 + t / 16u;
      let run = w_row(tile, min(r, steps - 1u)) * p.k_runs + min(column0 + t % 16u, p.k_runs - 1u);
      w_tile[t] = select(vec4f(), load_w(run), r < steps);
    }
    workgroupBarrier();
    for (var r = 0u; r < KT; r++) {
      let b = w_tile[r * 16u + lane % 16u];
      for (var i = 0u; i < RM; i++) { // unroll
        acc[i] = fma(vec4f(dy_tile[r * ROWS + lane / 16u * RM + i]), b, acc[i]);
      }
    }
  }
  for (var i = 0u; i < RM; i++) { // unroll
    store_sums(tile, lane / 16u * RM + i, i0, column0 + lane % 16u, array<vec4f, PARTS>(acc[i]));
  }
}
