// out[row, head] = softmax(q . k / sqrt(D)) . v over the rows of the row's spans, and the log of the
// softmax's sum for the way back. Query head h reads KV head h / GROUP. A lane takes one row (PARTS lanes
// share its channels) and N query heads of one KV head, so that these share what is read of the keys; STEP
// keys at a time, with a running maximum and sum. How lanes walk and read is another file's.
struct Params { rows_at: u32, heads: u32, kv_heads: u32, scale: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(3) var<storage, read> qkv: array<vec4f>;          // [rows, heads + 2 kv_heads, D4] turned
@group(0) @binding(4) var<storage, read_write> out: array<vec4f>;    // [rows, heads, D4]
@group(0) @binding(5) var<storage, read_write> lse: array<f32>;      // [rows, heads]
const LOWEST = -3.0e38;

// Row t of a chunk: from the lane that holds it, or from memory.
fn read_row(held: vec4f, at: u32, t: u32) -> vec4f {
  if (SHARES) { return share(held, t); }
  return qkv[at];
}

fn hold(at: u32) -> vec4f {
  if (SHARES) { return qkv[at]; }
  return vec4f();
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row0 = group.y * ROWS;
  let live_rows = live[p.rows_at];
  if (row0 >= live_rows) { return; }
  let last = live_rows - 1u;
  let mine = row0 + lane / PARTS <= last;
  let row = min(row0 + lane / PARTS, last);
  let part = lane % PARTS;
  let head0 = group.x * N;
  let stride = (p.heads + 2u * p.kv_heads) * D4;
  let k_at = (p.heads + head0 / GROUP) * D4;
  let v_at = k_at + p.kv_heads * D4;
  let own = load_spans(row);
  var q: array<array<vec4f, DP>, N>; // channels 4 (part + PARTS i) ..
  var acc = array<array<vec4f, DP>, N>();
  var top: array<f32, N>;
  var sum = array<f32, N>();
  for (var n = 0u; n < N; n++) { // unroll
    top[n] = LOWEST;
    for (var i = 0u; i < DP; i++) { // unroll
      let channel = part + PARTS * i;
      let x = qkv[row * stride + (head0 + n) * D4 + min(channel, D4 - 1u)] * p.scale;
      q[n][i] = select(vec4f(), x, channel < D4);
    }
  }
  var at = 0u;
  loop {
    let nearest = meet(next_met(own, at), row0, last, at);
    if (nearest == NONE) { break; }
    let first = nearest & ~(STEP - 1u);
    at = first + STEP;
    let seen = met(own, first);
    let held_at = min(first + lane % STEP, last) * stride;
    var key_at: array<u32, STEP>;
    for (var t = 0u; t < STEP; t++) { // unroll
      key_at[t] = min(first + t, last) * stride;
    }
    var s = array<array<f32, STEP>, N>();
    for (var i = 0u; i < DP; i++) { // unroll
      let channel = min(part + PARTS * i, D4 - 1u);
      let held = hold(held_at + k_at + channel);
      for (var t = 0u; t < STEP; t++) { // unroll
        let k = read_row(held, key_at[t] + k_at + channel, t);
        for (var n = 0u; n < N; n++) { // unroll
          let a = q[n][i];
          s[n][t] = fma(a.w, k.w, fma(a.z, k.z, fma(a.y, k.y, fma(a.x, k.x, s[n][t]))));
        }
      }
    }
    for (var n = 0u; n < N; n++) { // unroll
      if (PARTS > 1u) { s[n] = whole(lane, s[n]); }
      var best = top[n];
      for (var t = 0u; t < STEP; t++) { // unroll
        best = max(best, select(LOWEST, s[n][t], (seen & (1u << t)) != 0u));
      }
      let keep = exp(top[n] - best);
      top[n] = best;
      var added = 0.0;
      for (var t = 0u; t < STEP; t++) { // unroll
        s[n][t] = select(0.0, exp(s[n][t] - best), (seen & (1u << t)) != 0u);
        added += s[n][t];
      }
      sum[n] = fma(sum[n], keep, added);
      for (var i = 0u; i < DP; i++) { // unroll
        acc[n][i] *= keep;
      }
    }
    for (var i = 0u; i < DP; i++) { // unroll
      let channel = min(part + PARTS * i, D4 - 1u);
      let held = hold(held_at + v_at + channel);
      for (var t = 0u; t < STEP; t++) { // unroll
        let v = read_row(held, key_at[t] + v_at + channel, t);
        for (var n = 0u; n < N; n++) { // unroll
          acc[n][i] = fma(v, vec4f(s[n][t]), acc[n][i]);
        }
      }
    }
  }
  if (!mine) { return; }
  for (var n = 0u; n < N; n++) { // unroll
    let to = row * p.heads + head0 + n;
    for (var i = 0u; i < DP; i++) { // unroll
      let channel = part + PARTS * i;
      if (channel < D4) { out[to * D4 + channel] = acc[n][i] / sum[n]; }
    }
    if (part == 0u) { lse[to] = top[n] + log(sum[n]); }
  }
}
