// Backward of masked_attention.wgsl, one pass for the queries and one (KEYS) for keys and values. With
// p = exp(q . k / sqrt(D) - lse), dot = out . dout of a row and ds = p (dout . v - dot) / sqrt(D): dq sums
// ds k over the row's keys; dk sums ds q and dv sums p dout over the rows that see the key and all query
// heads of its KV head. A lane takes N items, HEADS query heads of some rows, or so many keys: x and y are an
// item's q and dout (k and v), dx and dy their sums; u and w are k and v (q and dout) of the rows that it
// meets, TURN of a chunk at a time. Registers hold DP groups of channels; where a head has SLICES times as
// many, the rest waits in memory. A dispatch meets the rows from `start` to `end`; those that follow the
// FIRST add to its sums.
struct Params { rows_at: u32, heads: u32, kv_heads: u32, scale: f32, start: u32, end: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(3) var<storage, read> qkv: array<vec4f>;          // [rows, heads + 2 kv_heads, D4] turned
@group(0) @binding(4) var<storage, read> out: array<vec4f>;          // [rows, heads, D4]
@group(0) @binding(5) var<storage, read> lse: array<f32>;            // [rows, heads]
@group(0) @binding(6) var<storage, read> dout: array<vec4f>;         // as out
@group(0) @binding(7) var<storage, read_write> dots: array<f32>;     // [rows, heads]; the queries' pass writes
@group(0) @binding(8) var<storage, read_write> dqkv: array<vec4f>;   // as qkv

// A lane's arrays are a function's: drivers may keep those of the module in memory.
struct Items {
  own: array<Spans, N>,
  stats: array<vec2f, N>, // of the queries: log-sum-exp and dot of the item's row
  row: array<u32, N>,     // past the last row where there is none
  x_at: array<u32, N>,    // in qkv and dqkv
  y_at: array<u32, N>,    // KEYS: in qkv and dqkv; else in dout
  x: array<array<vec4f, DP>, N>,
  y: array<array<vec4f, DP>, N>,
  dx: array<array<vec4f, DP>, N>,
  dy: array<array<vec4f, DP>, N>,
}

// Of the row of a chunk that is the lane's.
struct Held { u: array<vec4f, DP>, w: array<vec4f, DP>, stats: vec4f }

struct Scores {
  s: array<array<f32, TURN>, N>,  // q . k / sqrt(D), then p
  dp: array<array<f32, TURN>, N>, // dout . v, then ds
}

fn channel_of(lane: u32, slice: u32, i: u32) -> u32 { return lane % PARTS + PARTS * (slice * DP + i); }

fn load_items(lane: u32, slice: u32, items: ptr<function, Items>) {
  for (var n = 0u; n < N; n++) { // unroll
    for (var i = 0u; i < DP; i++) { // unroll
      let channel = channel_of(lane, slice, i);
      let near = min(channel, D4 - 1u);
      (*items).x[n][i] = select(vec4f(), qkv[(*items).x_at[n] + near] * p.scale, channel < D4);
      var y: vec4f;
      if (KEYS) { y = qkv[(*items).y_at[n] + near]; } else { y = dout[(*items).y_at[n] + near]; }
      (*items).y[n][i] = select(vec4f(), y, channel < D4);
    }
  }
}

// Sums so far; none yet where `fresh`. Of what is not stored again none: other lanes may be storing it.
fn load_sums(lane: u32, slice: u32, last: u32, fresh: bool, items: ptr<function, Items>) {
  for (var n = 0u; n < N; n++) { // unroll
    for (var i = 0u; i < DP; i++) { // unroll
      let channel = channel_of(lane, slice, i);
      (*items).dx[n][i] = vec4f();
      if (KEYS) { (*items).dy[n][i] = vec4f(); }
      if (!fresh && channel < D4 && (*items).row[n] <= last) {
        (*items).dx[n][i] = dqkv[(*items).x_at[n] + channel];
        if (KEYS) { (*items).dy[n][i] = dqkv[(*items).y_at[n] + channel]; }
      }
    }
  }
}

fn store_sums(lane: u32, slice: u32, last: u32, items: ptr<function, Items>) {
  for (var n = 0u; n < N; n++) { // unroll
    for (var i = 0u; i < DP; i++) { // unroll
      let channel = channel_of(lane, slice, i);
      if (channel < D4 && (*items).row[n] <= last) {
        dqkv[(*items).x_at[n] + channel] = (*items).dx[n][i];
        if (KEYS) { dqkv[(*items).y_at[n] + channel] = (*items).dy[n][i]; }
      }
    }
  }
}

// STEP rows from `first` on, under one of their heads: where its u and w lie in the first row of all.
struct Chunk { first: u32, last: u32, head: u32, u_at: u32, u_step: u32, w_at: u32, w_step: u32 }

fn load_held(lane: u32, slice: u32, c: Chunk, held: ptr<function, Held>) {
  let row = min(c.first + lane % STEP, c.last);
  for (var i = 0u; i < DP; i++) { // unroll
    let near = min(channel_of(lane, slice, i), D4 - 1u);
    (*held).u[i] = qkv[row * c.u_step + c.u_at + near];
    (*held).w[i] = load_w(row * c.w_step + c.w_at + near);
  }
}

fn load_stats(lane: u32, c: Chunk, held: ptr<function, Held>) {
  let at = min(c.first + lane % STEP, c.last) * p.heads + c.head;
  (*held).stats = vec4f(lse[at], dots[at], 0.0, 0.0);
}

// Lanes hear the rows of a turn from the first of them: the next rows move there.
fn pass_on(lane: u32, held: ptr<function, Held>) {
  for (var i = 0u; i < DP; i++) { // unroll
    (*held).u[i] = share((*held).u[i], (lane + TURN) % STEP);
    (*held).w[i] = share((*held).w[i], (lane + TURN) % STEP);
  }
  if (KEYS) { (*held).stats = share((*held).stats, (lane + TURN) % STEP); }
}

fn load_w(at: u32) -> vec4f {
  if (KEYS) { return dout[at]; }
  return qkv[at];
}

// Row t of a turn: from the lane that holds it, or from memory.
fn read_u(held: vec4f, at: u32, t: u32) -> vec4f {
  if (SHARES) { return share(held, t); }
  return qkv[at];
}

fn read_w(held: vec4f, at: u32, t: u32) -> vec4f {
  if (SHARES) { return share(held, t); }
  return load_w(at);
}

fn read_stats(held: vec4f, c: Chunk, t: u32) -> vec2f {
  if (SHARES) { return share(held, t).xy; }
  let at = min(c.first + t, c.last) * p.heads + c.head;
  return vec2f(lse[at], dots[at]);
}

// Adds what a slice of the channels gives of q . k and dout . v.
fn add_products(
  lane: u32, slice: u32, c: Chunk, items: ptr<function, Items>, held: ptr<function, Held>,
  scores: ptr<function, Scores>,
) {
  if (SLICES > 1u) {
    load_items(lane, slice, items);
    if (SHARES) { load_held(lane, slice, c, held); }
  }
  for (var i = 0u; i < DP; i++) { // unroll
    let near = min(channel_of(lane, slice, i), D4 - 1u);
    for (var t = 0u; t < TURN; t++) { // unroll
      let row = min(c.first + t, c.last);
      let u = read_u((*held).u[i], row * c.u_step + c.u_at + near, t);
      let w = read_w((*held).w[i], row * c.w_step + c.w_at + near, t);
      for (var n = 0u; n < N; n++) { // unroll
        let a = (*items).x[n][i];
        let b = (*items).y[n][i];
        let s = (*scores).s[n][t];
        let dp = (*scores).dp[n][t];
        (*scores).s[n][t] = fma(a.w, u.w, fma(a.z, u.z, fma(a.y, u.y, fma(a.x, u.x, s))));
        (*scores).dp[n][t] = fma(b.w, w.w, fma(b.z, w.z, fma(b.y, w.y, fma(b.x, w.x, dp))));
      }
    }
  }
}

// Adds ds u and p w to a slice of the sums.
fn add_sums(
  lane: u32, slice: u32, c: Chunk, fresh: bool, items: ptr<function, Items>, held: ptr<function, Held>,
  scores: ptr<function, Scores>,
) {
  if (SLICES > 1u) {
    load_sums(lane, slice, c.last, fresh, items);
    if (SHARES) { load_held(lane, slice, c, held); }
  }
  for (var i = 0u; i < DP; i++) { // unroll
    let near = min(channel_of(lane, slice, i), D4 - 1u);
    for (var t = 0u; t < TURN; t++) { // unroll
      let row = min(c.first + t, c.last);
      let u = read_u((*held).u[i], row * c.u_step + c.u_at + near, t);
      for (var n = 0u; n < N; n++) { // unroll
        (*items).dx[n][i] = fma(u, vec4f((*scores).dp[n][t]), (*items).dx[n][i]);
      }
      if (KEYS) {
        let w = read_w((*held).w[i], row * c.w_step + c.w_at + near, t);
        for (var n = 0u; n < N; n++) { // unroll
          (*items).dy[n][i] = fma(w, vec4f((*scores).s[n][t]), (*items).dy[n][i]);
        }
      }
    }
  }
  if (SLICES > 1u) { store_sums(lane, slice, c.last, items); }
}

// TURN rows of a chunk: their scores, and what these add to the sums.
fn take_turn(
  lane: u32, turn: u32, c: Chunk, fresh: bool, items: ptr<function, Items>, held: ptr<function, Held>,
) {
  var scores = Scores();
  if (SLICES == 1u) {
    add_products(lane, 0u, c, items, held, &scores);
  } else {
    for (var slice = 0u; slice < SLICES; slice++) {
      add_products(lane, slice, c, items, held, &scores);
    }
  }
  for (var n = 0u; n < N; n++) { // unroll
    if (PARTS > 1u) {
      scores.s[n] = whole(lane, scores.s[n]);
      scores.dp[n] = whole(lane, scores.dp[n]);
    }
    let seen = met((*items).own[n], c.first) >> turn;
    for (var t = 0u; t < TURN; t++) { // unroll
      var stats = (*items).stats[n];
      if (KEYS) { stats = read_stats((*held).stats, c, t); }
      scores.s[n][t] = select(0.0, exp(scores.s[n][t] - stats.x), (seen & (1u << t)) != 0u);
      scores.dp[n][t] = scores.s[n][t] * (scores.dp[n][t] - stats.y) * p.scale;
    }
  }
  if (SLICES == 1u) {
    add_sums(lane, 0u, c, false, items, held, &scores);
  } else {
    for (var slice = 0u; slice < SLICES; slice++) {
      add_sums(lane, slice, c, fresh, items, held, &scores);
    }
  }
}

// out . dout of item n of the queries, whose dout the lane may have.
fn dot_of(n: u32, items: ptr<function, Items>) -> f32 {
  let at = (*items).y_at[n];
  var sum = 0.0;
  if (DP == D4) {
    for (var i = 0u; i < DP; i++) { // unroll
      sum = add_dot(out[at + i], (*items).y[n][i], sum);
    }
  } else {
    for (var i = 0u; i < D4; i++) { sum = add_dot(out[at + i], dout[at + i], sum); }
  }
  return sum;
}

fn add_dot(a: vec4f, b: vec4f, sum: f32) -> f32 {
  return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row0 = group.y * ROWS * (N / HEADS);
  let live_rows = live[p.rows_at];
  if (row0 >= live_rows) { return; }
  let last = live_rows - 1u;
  let stride = p.heads + 2u * p.kv_heads;
  let head0 = group.x * select(HEADS, GROUP, KEYS);
  let k_head = p.heads + head0 / GROUP;
  let v_head = k_head + p.kv_heads;
  var items: Items;
  var held: Held;
  for (var n = 0u; n < N; n++) { // unroll
    items.row[n] = row0 + lane / PARTS + ROWS * (n / HEADS);
    let row = min(items.row[n], last);
    let head = head0 + n % HEADS;
    items.own[n] = load_spans(row);
    items.x_at[n] = (row * stride + select(head, k_head, KEYS)) * D4;
    items.y_at[n] = select(row * p.heads + head, row * stride + v_head, KEYS) * D4;
  }
  load_items(lane, 0u, &items);
  if (!KEYS) {
    for (var n = 0u; n < N; n++) { // unroll
      let at = items.y_at[n] / D4;
      items.stats[n] = vec2f(lse[at], dot_of(n, &items));
      if (lane % PARTS == 0u && items.row[n] <= last) { dots[at] = items.stats[n].y; }
    }
  }
  load_sums(lane, 0u, last, FIRST, &items);
  var fresh = FIRST;
  var at = p.start;
  loop {
    var next = NONE;
    for (var n = 0u; n < N; n++) { // unroll
      next = min(next, next_met(items.own[n], at));
    }
    let nearest = meet(next, row0, last, at);
    if (nearest >= p.end) { break; }
    let first = nearest & ~(STEP - 1u);
    at = first + STEP;
    for (var head = head0; head < head0 + select(1u, GROUP, KEYS); head++) {
      let u_at = select(k_head, head, KEYS) * D4;
      let w_at = select(v_head, head, KEYS) * D4;
      let chunk = Chunk(first, last, head, u_at, stride * D4, w_at, select(stride, p.heads, KEYS) * D4);
      if (SHARES && SLICES == 1u) { load_held(lane, 0u, chunk, &held); }
      if (SHARES && KEYS) { load_stats(lane, chunk, &held); }
      if (TURN == STEP) {
        take_turn(lane, 0u, chunk, fresh, &items, &held);
      } else {
        for (var turn = 0u; turn < STEP; turn += TURN) {
          take_turn(lane, turn, chunk, fresh, &items, &held);
          pass_on(lane, &held);
        }
      }
      fresh = false;
    }
  }
  if (SLICES == 1u || fresh) {
    for (var slice = 0u; slice < SLICES; slice++) { store_sums(lane, slice, last, &items); }
  }
}
