// out[row, head] = softmax(q . k / sqrt(D)) . v over the first `keys` cached positions of the row's
// sequence: block-causal, since a row sees its own block and all earlier ones. Query head h reads KV head
// h / GROUP. PARTS lanes share a row's channels, a workgroup takes ROWS rows of HEADS heads that read one KV
// head, so that they load its keys together; keys in order, four at a time, with a running maximum and sum.
// A row's sums never depend on other rows: keys it does not see change nothing. With SPLIT a workgroup takes
// one span alone and leaves (acc, top, sum).
struct Params { rows_at: u32, heads: u32, kv_heads: u32, stride: u32, spans: u32, scale: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(6) var<storage, read> qkv: array<vec4f>;          // [rows, stride, D4]
@group(0) @binding(7) var<storage, read_write> out: array<vec4f>;    // [rows, heads, D4]; SPLIT: [rows, heads, spans, D4 + 1]
const ROWS = LANES / PARTS / HEADS;
const LOWEST = -3.0e38;
var<workgroup> dots: array<vec4f, 2u * LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let head = group.x * HEADS + lane / PARTS / ROWS;
  let row0 = group.y * ROWS;
  let live_rows = live[p.rows_at];
  if (row0 >= live_rows) { return; }
  let my_row = row0 + lane / PARTS % ROWS;
  let mine = my_row < live_rows;
  let row = min(my_row, live_rows - 1u);
  let part = lane % PARTS;
  let kv_head = head / (p.heads / p.kv_heads);
  let step = p.kv_heads * D4;
  let slot = rows[row].x;
  let count = rows[row].w;
  var longest = 0u; // every lane walks as far as the longest row, so that all meet at the barriers
  for (var r = 0u; r < ROWS; r++) {
    longest = max(longest, rows[min(row0 + r, live_rows - 1u)].w);
  }
  var q: array<vec4f, DP>; // channels 4 (part + PARTS i) ..
  for (var i = 0u; i < DP; i++) { // unroll
    let channel = part + PARTS * i;
    q[i] = select(vec4f(), qkv[(row * p.stride + head) * D4 + min(channel, D4 - 1u)] * p.scale, channel < D4);
  }
  var all_acc: array<vec4f, DP>;
  var all_top = LOWEST;
  var all_sum = 0.0;
  var turn = 0u;
  let first_span = select(0u, group.z, SPLIT);
  let end_span = select((longest + SPAN - 1u) / SPAN, group.z + 1u, SPLIT);
  for (var span = first_span; span < end_span; span++) {
    let span_end = min(longest, (span + 1u) * SPAN);
    var acc = array<vec4f, DP>();
    var top = LOWEST;
    var sum = 0.0;
    for (var first = span * SPAN; first < span_end; first += 4u) {
      let near = min(first, (count - 1u) & ~3u);
      let at = (cache_row(slot, near) * p.kv_heads + kv_head) * D4;
      var s = vec4f();
      for (var i = 0u; i < DP; i++) { // unroll
        let a = q[i];
        let k_at = at + min(part + PARTS * i, D4 - 1u);
        let k0 = load_k(k_at);
        let k1 = load_k(k_at + step);
        let k2 = load_k(k_at + 2u * step);
        let k3 = load_k(k_at + 3u * step);
        s.x = fma(a.w, k0.w, fma(a.z, k0.z, fma(a.y, k0.y, fma(a.x, k0.x, s.x))));
        s.y = fma(a.w, k1.w, fma(a.z, k1.z, fma(a.y, k1.y, fma(a.x, k1.x, s.y))));
        s.z = fma(a.w, k2.w, fma(a.z, k2.z, fma(a.y, k2.y, fma(a.x, k2.x, s.z))));
        s.w = fma(a.w, k3.w, fma(a.z, k3.z, fma(a.y, k3.y, fma(a.x, k3.x, s.w))));
      }
      if (PARTS > 1u) {
        // Two places by turns: one barrier a step is enough.
        dots[turn * LANES + lane] = s;
        workgroupBarrier();
        s = vec4f();
        for (var i = 0u; i < PARTS; i++) { // unroll
          s += dots[turn * LANES + lane - part + i];
        }
        turn = 1u - turn;
      }
      // Positions past `count` may hold anything, NaN included: weight zero alone would not hide them.
      let seen = vec4u(first) + vec4u(0u, 1u, 2u, 3u) < vec4u(count);
      s = select(vec4f(LOWEST), s, seen);
      let best = max(max(max(s.x, s.y), max(s.z, s.w)), top);
      let keep = exp(top - best);
      let e = select(vec4f(), exp(s - best), seen);
      top = best;
      sum = fma(sum, keep, (e.x + e.y) + (e.z + e.w));
      for (var i = 0u; i < DP; i++) { // unroll
        let v_at = at + min(part + PARTS * i, D4 - 1u);
        var a = acc[i] * keep;
        if (seen.x) { a = fma(load_v(v_at), vec4f(e.x), a); }
        if (seen.y) { a = fma(load_v(v_at + step), vec4f(e.y), a); }
        if (seen.z) { a = fma(load_v(v_at + 2u * step), vec4f(e.z), a); }
        if (seen.w) { a = fma(load_v(v_at + 3u * step), vec4f(e.w), a); }
        acc[i] = a;
      }
    }
    let any = span * SPAN < count;
    if (SPLIT) {
      let to = ((row * p.heads + head) * p.spans + span) * (D4 + 1u);
      for (var i = 0u; i < DP; i++) { // unroll
        if (any && mine && part + PARTS * i < D4) { out[to + part + PARTS * i] = acc[i]; }
      }
      if (any && mine && part == 0u) { out[to + D4] = vec4f(top, sum, 0.0, 0.0); }
    } else if (any) {
      let join = join_spans(all_top, top);
      all_top = join.top;
      all_sum = fma(sum, join.add, all_sum * join.keep);
      for (var i = 0u; i < DP; i++) { // unroll
        all_acc[i] = fma(acc[i], vec4f(join.add), all_acc[i] * join.keep);
      }
    }
  }
  if (SPLIT || !mine) { return; }
  for (var i = 0u; i < DP; i++) { // unroll
    let channel = part + PARTS * i;
    if (channel < D4) { out[(row * p.heads + head) * D4 + channel] = all_acc[i] / all_sum; }
  }
}
