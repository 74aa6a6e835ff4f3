// out[row, head] = softmax(q . k / sqrt(D)) . v over the first `keys` cached positions of the row's
// sequence: block-causal, since a row sees its own block and all earlier ones. Query head h reads KV head
// h / (heads / kv_heads). For a CPU driver: a lane takes a row, a workgroup LANES rows of one head; keys in order, four at
// a time, with a running maximum and sum. A row's sums never depend on other rows: keys it does not see
// change nothing.
struct Params { rows_at: u32, heads: u32, kv_heads: u32, stride: u32, scale: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(6) var<storage, read> qkv: array<vec4f>;          // [rows, stride, D4]
@group(0) @binding(7) var<storage, read_write> out: array<vec4f>;    // [rows, heads, D4]

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let head = group.x;
  let row0 = group.y * LANES;
  let live_rows = live[p.rows_at];
  if (row0 >= live_rows) { return; }
  let my_row = row0 + lane;
  let mine = my_row < live_rows;
  let row = min(my_row, live_rows - 1u);
  let kv_head = head / (p.heads / p.kv_heads);
  let step = p.kv_heads * D4;
  let slot = rows[row].x;
  let count = rows[row].w;
  var longest = 0u; // every lane walks as far as the longest row: lanes are one SIMD vector
  for (var r = 0u; r < LANES; r++) {
    longest = max(longest, rows[min(row0 + r, live_rows - 1u)].w);
  }
  var q: array<vec4f, D4>;
  for (var i = 0u; i < D4; i++) { // unroll
    q[i] = qkv[(row * p.stride + head) * D4 + i] * p.scale;
  }
  var all_acc: array<vec4f, D4>;
  var all_top = LOWEST;
  var all_sum = 0.0;
  for (var span = 0u; span < (longest + SPAN - 1u) / SPAN; span++) {
    let span_end = min(longest, (span + 1u) * SPAN);
    var acc = array<vec4f, D4>();
    var top = LOWEST;
    var sum = 0.0;
    for (var first = span * SPAN; first < span_end; first += 4u) {
      let near = min(first, (count - 1u) & ~3u);
      let at = (cache_row(slot, near) * p.kv_heads + kv_head) * D4;
      var s = vec4f();
      for (var i = 0u; i < D4; i++) { // unroll
        let a = q[i];
        let k_at = at + i;
        let k0 = load_k(k_at);
        let k1 = load_k(k_at + step);
        let k2 = load_k(k_at + 2u * step);
        let k3 = load_k(k_at + 3u * step);
        s.x = fma(a.w, k0.w, fma(a.z, k0.z, fma(a.y, k0.y, fma(a.x, k0.x, s.x))));
        s.y = fma(a.w, k1.w, fma(a.z, k1.z, fma(a.y, k1.y, fma(a.x, k1.x, s.y))));
        s.z = fma(a.w, k2.w, fma(a.z, k2.z, fma(a.y, k2.y, fma(a.x, k2.x, s.z))));
        s.w = fma(a.w, k3.w, fma(a.z, k3.z, fma(a.y, k3.y, fma(a.x, k3.x, s.w))));
      }
      // Positions past `count` may hold anything, NaN included: weight zero alone would not hide them.
      let seen = vec4u(first) + vec4u(0u, 1u, 2u, 3u) < vec4u(count);
      s = select(vec4f(LOWEST), s, seen);
      let best = max(max(max(s.x, s.y), max(s.z, s.w)), top);
      let keep = exp(top - best);
      let e = select(vec4f(), exp(s - best), seen);
      top = best;
      sum = fma(sum, keep, (e.x + e.y) + (e.z + e.w));
      for (var i = 0u; i < D4; i++) { // unroll
        let v_at = at + i;
        var a = acc[i] * keep;
        if (seen.x) { a = fma(load_v(v_at), vec4f(e.x), a); }
        if (seen.y) { a = fma(load_v(v_at + step), vec4f(e.y), a); }
        if (seen.z) { a = fma(load_v(v_at + 2u * step), vec4f(e.z), a); }
        if (seen.w) { a = fma(load_v(v_at + 3u * step), vec4f(e.w), a); }
        acc[i] = a;
      }
    }
    if (span * SPAN < count) {
      let join = join_spans(all_top, top);
      all_top = join.top;
      all_sum = fma(sum, join.add, all_sum * join.keep);
      for (var i = 0u; i < D4; i++) { // unroll
        all_acc[i] = fma(acc[i], vec4f(join.add), all_acc[i] * join.keep);
      }
    }
  }
  if (!mine) { return; }
  for (var i = 0u; i < D4; i++) { // unroll
    out[(row * p.heads + head) * D4 + i] = all_acc[i] / all_sum;
  }
}
