// Backward of masked_attention.wgsl, one pass for the queries and one (KEYS) for keys and values. With
// p = exp(q . k / sqrt(D) - lse), ds = p (dout . v - dot) and dot = out . dout of the row:
// dq sums ds k / sqrt(D) over the row's keys; dk sums ds q / sqrt(D), dv sums p dout over the rows that see
// the key and all query heads of its KV head. A lane takes N items: a row's N query heads, or N keys; x and
// y are the item's q and dout (k and v), u and w those of the rows it meets: k and v (q and dout).
struct Params { rows_at: u32, heads: u32, kv_heads: u32, scale: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(3) var<storage, read> qkv: array<vec4f>;          // [rows, heads + 2 kv_heads, D4] turned
@group(0) @binding(4) var<storage, read> out: array<vec4f>;          // [rows, heads, D4]
@group(0) @binding(5) var<storage, read> lse: array<f32>;            // [rows, heads]
@group(0) @binding(6) var<storage, read> dout: array<vec4f>;         // as out
@group(0) @binding(7) var<storage, read_write> dots: array<f32>;     // [rows, heads]; the queries' pass writes
@group(0) @binding(8) var<storage, read_write> dqkv: array<vec4f>;   // as qkv

// What lanes hold for the others of the row that is theirs in a chunk.
struct Held { u: array<vec4f, DP>, w: array<vec4f, DP>, stats: vec4f }

fn load_w(at: u32) -> vec4f {
  if (KEYS) { return dout[at]; }
  return qkv[at];
}

// Row t of a chunk: from the lane that holds it, or from memory.
fn read_u(held: vec4f, at: u32, t: u32) -> vec4f {
  if (SHARES) { return share(held, t); }
  return qkv[at];
}

fn read_w(held: vec4f, at: u32, t: u32) -> vec4f {
  if (SHARES) { return share(held, t); }
  return load_w(at);
}

fn read_stats(held: vec4f, at: u32, t: u32) -> vec2f {
  if (SHARES) { return share(held, t).xy; }
  return vec2f(lse[at], dots[at]);
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row0 = group.y * select(ROWS, ROWS * N, KEYS);
  let live_rows = live[p.rows_at];
  if (row0 >= live_rows) { return; }
  let last = live_rows - 1u;
  let part = lane % PARTS;
  let stride = p.heads + 2u * p.kv_heads;
  let head0 = select(group.x * N, group.x * GROUP, KEYS);
  let k_head = p.heads + head0 / GROUP;
  let v_head = k_head + p.kv_heads;
  var rows: array<u32, N>;
  var own: array<Spans, N>;
  var x: array<array<vec4f, DP>, N>; // channels 4 (part + PARTS i) ..
  var y: array<array<vec4f, DP>, N>;
  var dx = array<array<vec4f, DP>, N>();
  var dy = array<array<vec4f, DP>, N>();
  var stats: array<vec2f, N>; // log-sum-exp and dot of the item's row
  for (var n = 0u; n < N; n++) { // unroll
    rows[n] = row0 + lane / PARTS + select(0u, ROWS * n, KEYS);
    let row = min(rows[n], last);
    own[n] = load_spans(row);
    let x_at = (row * stride + select(head0 + n, k_head, KEYS)) * D4;
    let y_at = select(row * p.heads + head0 + n, row * stride + v_head, KEYS) * D4;
    for (var i = 0u; i < DP; i++) { // unroll
      let channel = part + PARTS * i;
      let near = min(channel, D4 - 1u);
      x[n][i] = select(vec4f(), qkv[x_at + near] * p.scale, channel < D4);
      if (KEYS) { y[n][i] = qkv[y_at + near]; } else { y[n][i] = dout[y_at + near]; }
      y[n][i] = select(vec4f(), y[n][i], channel < D4);
    }
    if (!KEYS) {
      var sum = 0.0;
      for (var i = 0u; i < D4; i++) { // unroll
        let a = out[y_at + i];
        let b = dout[y_at + i];
        sum = fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
      }
      let at = row * p.heads + head0 + n;
      stats[n] = vec2f(lse[at], sum);
      if (part == 0u && rows[n] <= last) { dots[at] = sum; }
    }
  }
  var at = 0u;
  loop {
    var next = NONE;
    for (var n = 0u; n < N; n++) { // unroll
      next = min(next, next_met(own[n], at));
    }
    let nearest = meet(next, row0, last, at);
    if (nearest == NONE) { break; }
    let first = nearest & ~(STEP - 1u);
    at = first + STEP;
    let held_row = min(first + lane % STEP, last);
    for (var head = head0; head < head0 + select(1u, GROUP, KEYS); head++) {
      let u_at = select(k_head, head, KEYS) * D4;
      let w_at = select(v_head, head, KEYS) * D4;
      let w_stride = select(stride, p.heads, KEYS) * D4;
      var held: Held;
      var s = array<array<f32, STEP>, N>();
      var dp = array<array<f32, STEP>, N>();
      for (var i = 0u; i < DP; i++) { // unroll
        let channel = min(part + PARTS * i, D4 - 1u);
        if (SHARES) {
          held.u[i] = qkv[held_row * stride * D4 + u_at + channel];
          held.w[i] = load_w(held_row * w_stride + w_at + channel);
        }
        for (var t = 0u; t < STEP; t++) { // unroll
          let met_row = min(first + t, last);
          let u = read_u(held.u[i], met_row * stride * D4 + u_at + channel, t);
          let w = read_w(held.w[i], met_row * w_stride + w_at + channel, t);
          for (var n = 0u; n < N; n++) { // unroll
            let a = x[n][i];
            let b = y[n][i];
            s[n][t] = fma(a.w, u.w, fma(a.z, u.z, fma(a.y, u.y, fma(a.x, u.x, s[n][t]))));
            dp[n][t] = fma(b.w, w.w, fma(b.z, w.z, fma(b.y, w.y, fma(b.x, w.x, dp[n][t]))));
          }
        }
      }
      if (KEYS && SHARES) {
        let stats_at = held_row * p.heads + head;
        held.stats = vec4f(lse[stats_at], dots[stats_at], 0.0, 0.0);
      }
      for (var n = 0u; n < N; n++) { // unroll
        if (PARTS > 1u) {
          s[n] = whole(lane, s[n]);
          dp[n] = whole(lane, dp[n]);
        }
        let seen = met(own[n], first);
        for (var t = 0u; t < STEP; t++) { // unroll
          var stat = stats[n];
          if (KEYS) { stat = read_stats(held.stats, min(first + t, last) * p.heads + head, t); }
          s[n][t] = select(0.0, exp(s[n][t] - stat.x), (seen & (1u << t)) != 0u);
          dp[n][t] = s[n][t] * (dp[n][t] - stat.y);
        }
      }
      for (var i = 0u; i < DP; i++) { // unroll
        let channel = min(part + PARTS * i, D4 - 1u);
        for (var t = 0u; t < STEP; t++) { // unroll
          let met_row = min(first + t, last);
          let u = read_u(held.u[i], met_row * stride * D4 + u_at + channel, t);
          for (var n = 0u; n < N; n++) { // unroll
            dx[n][i] = fma(u, vec4f(dp[n][t]), dx[n][i]);
          }
          if (KEYS) {
            let w = read_w(held.w[i], met_row * w_stride + w_at + channel, t);
            for (var n = 0u; n < N; n++) { // unroll
              dy[n][i] = fma(w, vec4f(s[n][t]), dy[n][i]);
            }
          }
        }
      }
    }
  }
  for (var n = 0u; n < N; n++) { // unroll
    let to = (rows[n] * stride + select(head0 + n, k_head, KEYS)) * D4;
    for (var i = 0u; i < DP; i++) { // unroll
      let channel = part + PARTS * i;
      if (channel < D4 && rows[n] <= last) {
        dqkv[to + channel] = dx[n][i] * p.scale;
        if (KEYS) { dqkv[to + p.kv_heads * D4 + channel] = dy[n][i]; }
      }
    }
  }
}
