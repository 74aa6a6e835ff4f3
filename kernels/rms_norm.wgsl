// x[row] += sum_j add[row, j] (in order); h[row] = x[row] / sqrt(mean(x[row]^2) + eps) * w.
// The sum folds a residual (ADDENDS 1) or the experts' outputs (ADDENDS top-k + shared) into the norm
// that reads them next. One workgroup per row. With HELD a row fits its lanes' COLUMNS packs of channels,
// which wait in registers for the scale, weights too: on a GPU the time goes into waiting for loads.
struct Params { rows_at: u32, packs: u32, eps: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> live: array<u32>;
@group(0) @binding(2) var<storage, read> w: array<Pack>;         // [packs]
@group(0) @binding(4) var<storage, read> add: array<Pack>;       // [rows, ADDENDS, packs]
@group(0) @binding(5) var<storage, read_write> h: array<Pack>;   // [rows, packs]
alias Held = array<array<vec4f, FOURS>, COLUMNS>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x;
  if (row >= live[p.rows_at]) { return; }
  var sums: Held;
  var weights: Held;
  var squares = 0.0;
  if (HELD) {
    if (lane < p.packs) { squares = sum_up(row, lane, squares, &sums, &weights); }
  } else {
    for (var start = lane; start < p.packs; start += COLUMNS * LANES) {
      squares = sum_up(row, start, squares, &sums, &weights);
    }
  }
  let scale = 1.0 / sqrt(total(lane, squares) / f32(p.packs * 4u * FOURS) + p.eps);
  if (HELD) {
    store(row, lane, scale, &sums, &weights);
  } else {
    for (var start = lane; start < p.packs; start += COLUMNS * LANES) {
      store(row, start, scale, &sums, &weights);
    }
  }
}

// Of packs `start` and on, LANES apart: sums of x and its addends, weights where they are held, and `squares` with theirs.
fn sum_up(
  row: u32, start: u32, squares: f32, sums: ptr<function, Held>, weights: ptr<function, Held>,
) -> f32 {
  let at = row * p.packs;
  for (var c = 0u; c < COLUMNS; c++) { // unroll
    let own = start + c * LANES;
    let i = select(start, own, own < p.packs); // past the row the lane's first again, which no other lane writes
    var v = fours(x[at + i]);
    for (var j = 0u; j < ADDENDS; j++) { // unroll
      let more = fours(add[(row * ADDENDS + j) * p.packs + i]);
      for (var k = 0u; k < FOURS; k++) { // unroll
        v[k] += more[k];
      }
    }
    (*sums)[c] = v;
    if (HELD) { (*weights)[c] = fours(w[i]); }
  }
  var all = squares;
  for (var c = 0u; c < COLUMNS; c++) { // unroll
    let v = (*sums)[c];
    if (start + c * LANES < p.packs) {
      keep_sum(at + start + c * LANES, pack_of(v));
      for (var k = 0u; k < FOURS; k++) { // unroll
        all = fma(v[k].w, v[k].w, fma(v[k].z, v[k].z, fma(v[k].y, v[k].y, fma(v[k].x, v[k].x, all))));
      }
    }
  }
  return all;
}

fn store(row: u32, start: u32, scale: f32, sums: ptr<function, Held>, weights: ptr<function, Held>) {
  let at = row * p.packs;
  for (var c = 0u; c < COLUMNS; c++) { // unroll
    let i = start + c * LANES;
    if (i < p.packs) {
      if (!HELD) {
        (*sums)[c] = fours(load_sum(at + i));
        (*weights)[c] = fours(w[i]);
      }
      var v: array<vec4f, FOURS>;
      for (var k = 0u; k < FOURS; k++) { // unroll
        v[k] = (*sums)[c][k] * scale * (*weights)[c][k];
      }
      h[at + i] = pack_of(v);
    }
  }
}
