// y[target(r), n] = scale * sum_k x[source(r), k] * w[n, k]; with PAIR, weight rows come as (gate, up)
// and y[., n] = silu(gate) * up. Sums run along k in order with explicit fma, so a row's result does not
// depend on the tile, the number of lanes or its neighbours; all loops over k give the same bits.
struct Params {
  rows_at: u32, n: u32, k_runs: u32, w_runs: u32, y_start: u32, y_stride: u32,
  choices: u32, expert_start: u32, expert_count: u32,
  w_start: u32,
  // Bits that decoding adds to codes, and 0. An instruction takes one constant, and compilers that know two, or read
  // one from here, move one of them each time: p.merged | (lane & p.zero) comes from a register.
  merged: u32, zero: u32,
}
@group(0) @binding(0) var<uniform> p: Params;

fn dot_onto(sum: f32, a: vec4f, b: vec4f) -> f32 {
  return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
}

// Where a lane's weight rows w0, w0 + 1, ... start, in runs; rows past the last one load that again.
fn weight_starts(expert: u32, w0: u32) -> array<u32, NW> {
  var starts: array<u32, NW>;
  for (var j = 0u; j < NW; j++) { // unroll
    starts[j] = (expert * p.n + min(w0 + j, p.n - 1u)) * p.w_runs;
  }
  return starts;
}

// Where a row's outputs start in y.
fn place_of(row: u32) -> u32 { return row * p.y_stride + p.y_start; }

// Writes a lane's NW sums of the row whose outputs start at `at`, which belong to weight rows w0, w0 + 1, ...
fn store_sums(at: u32, scale: f32, w0: u32, sums: array<f32, NW>) {
  var outputs: array<f32, NW>;
  if (PAIR) {
    for (var j = 0u; j < HALF; j++) { // unroll
      let gate = sums[2u * j];
      outputs[j] = gate / (1.0 + exp(-gate)) * sums[2u * j + 1u] * scale;
    }
    store_outputs(at, w0 / 2u, p.n / 2u, outputs);
  } else {
    for (var j = 0u; j < NW; j++) { // unroll
      outputs[j] = sums[j] * scale;
    }
    store_outputs(at, w0, p.n, outputs);
  }
}
