// x[row] += sum_j add[row, j] (in order); h[row] = x[row] / sqrt(mean(x[row]^2) + eps) * w.
// The sum folds a residual (ADDENDS 1) or the experts' outputs (ADDENDS top-k + shared) into the norm
// that reads them next. One workgroup per row. With HELD a row fits its lanes' COLUMNS groups of four channels,
// which wait in registers for the scale, weights too: on a GPU the time goes into waiting for loads.
struct Params { rows_at: u32, width4: u32, eps: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> live: array<u32>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;         // [width4]
@group(0) @binding(4) var<storage, read> add: array<vec4f>;       // [rows, ADDENDS, width4]
@group(0) @binding(5) var<storage, read_write> h: array<vec4f>;   // [rows, width4]

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x;
  if (row >= live[p.rows_at]) { return; }
  var sums: array<vec4f, COLUMNS>;
  var weights: array<vec4f, COLUMNS>;
  var squares = 0.0;
  if (HELD) {
    if (lane < p.width4) { squares = sum_up(row, lane, squares, &sums, &weights); }
  } else {
    for (var start = lane; start < p.width4; start += COLUMNS * LANES) {
      squares = sum_up(row, start, squares, &sums, &weights);
    }
  }
  let scale = 1.0 / sqrt(total(lane, squares) / f32(p.width4 * 4u) + p.eps);
  if (HELD) {
    store(row, lane, scale, &sums, &weights);
  } else {
    for (var start = lane; start < p.width4; start += COLUMNS * LANES) {
      store(row, start, scale, &sums, &weights);
    }
  }
}

// Of groups `start` and on, LANES apart: sums of x and its addends, weights where they are held, and `squares` with theirs.
fn sum_up(
  row: u32, start: u32, squares: f32,
  sums: ptr<function, array<vec4f, COLUMNS>>, weights: ptr<function, array<vec4f, COLUMNS>>,
) -> f32 {
  let at = row * p.width4;
  for (var c = 0u; c < COLUMNS; c++) { // unroll
    let own = start + c * LANES;
    let i = select(start, own, own < p.width4); // past the row the lane's first again, which no other lane writes
    var v = x[at + i];
    for (var j = 0u; j < ADDENDS; j++) { // unroll
      v += add[(row * ADDENDS + j) * p.width4 + i];
    }
    (*sums)[c] = v;
    if (HELD) { (*weights)[c] = w[i]; }
  }
  var all = squares;
  for (var c = 0u; c < COLUMNS; c++) { // unroll
    let v = (*sums)[c];
    if (start + c * LANES < p.width4) {
      keep_sum(at + start + c * LANES, v);
      all = fma(v.w, v.w, fma(v.z, v.z, fma(v.y, v.y, fma(v.x, v.x, all))));
    }
  }
  return all;
}

fn store(
  row: u32, start: u32, scale: f32,
  sums: ptr<function, array<vec4f, COLUMNS>>, weights: ptr<function, array<vec4f, COLUMNS>>,
) {
  let at = row * p.width4;
  for (var c = 0u; c < COLUMNS; c++) { // unroll
    let i = start + c * LANES;
    if (i < p.width4) {
      if (!HELD) {
        (*sums)[c] = load_sum(at + i);
        (*weights)[c] = w[i];
      }
      h[at + i] = (*sums)[c] * scale * (*weights)[c];
    }
  }
}
