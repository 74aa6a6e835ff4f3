// out[row, head] = softmax(q . k / sqrt(D)) . v over the first `keys` cached positions of the row's
// sequence: block-causal, since a row sees its own block and all earlier ones. Query head h reads KV head
// h / GROUP. One lane per row, one workgroup per LANES rows of one head; keys in order, four at a time,
// with a running maximum and sum, so a row's sums never depend on other rows.
struct Params { rows_at: u32, heads: u32, kv_heads: u32, stride: u32, scale: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(6) var<storage, read> qkv: array<vec4f>;          // [rows, stride, D4]
@group(0) @binding(7) var<storage, read_write> out: array<vec4f>;    // [rows, heads, D4]

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.y * LANES + lane;
  let head = group.x;
  if (row >= live[p.rows_at]) { return; }
  let kv_head = head / (p.heads / p.kv_heads);
  var q: array<vec4f, D4>;
  for (var i = 0u; i < D4; i++) { // unroll
    q[i] = qkv[(row * p.stride + head) * D4 + i] * p.scale;
  }
  var acc: array<vec4f, D4>;
  var top = -3.0e38;
  var sum = 0.0;
  let slot = rows[row].x;
  let count = rows[row].w;
  for (var first = 0u; first < count; first += 4u) {
    let at = (cache_row(slot, first) * p.kv_heads + kv_head) * D4;
    let step = p.kv_heads * D4;
    var s0 = 0.0;
    var s1 = 0.0;
    var s2 = 0.0;
    var s3 = 0.0;
    for (var i = 0u; i < D4; i++) { // unroll
      let a = q[i];
      let k0 = load_k(at + i);
      let k1 = load_k(at + step + i);
      let k2 = load_k(at + 2u * step + i);
      let k3 = load_k(at + 3u * step + i);
      s0 = fma(a.w, k0.w, fma(a.z, k0.z, fma(a.y, k0.y, fma(a.x, k0.x, s0))));
      s1 = fma(a.w, k1.w, fma(a.z, k1.z, fma(a.y, k1.y, fma(a.x, k1.x, s1))));
      s2 = fma(a.w, k2.w, fma(a.z, k2.z, fma(a.y, k2.y, fma(a.x, k2.x, s2))));
      s3 = fma(a.w, k3.w, fma(a.z, k3.z, fma(a.y, k3.y, fma(a.x, k3.x, s3))));
    }
    let left = count - first;
    if (left < 2u) { s1 = -3.0e38; }
    if (left < 3u) { s2 = -3.0e38; }
    if (left < 4u) { s3 = -3.0e38; }
    let best = max(max(max(s0, s1), max(s2, s3)), top);
    let keep = exp(top - best);
    // Positions past `count` may hold anything, NaN included: weight zero alone would not hide them.
    let e0 = exp(s0 - best);
    let e1 = select(0.0, exp(s1 - best), left > 1u);
    let e2 = select(0.0, exp(s2 - best), left > 2u);
    let e3 = select(0.0, exp(s3 - best), left > 3u);
    top = best;
    sum = sum * keep + ((e0 + e1) + (e2 + e3));
    for (var i = 0u; i < D4; i++) { // unroll
      var a = acc[i] * keep + load_v(at + i) * e0;
      if (left > 1u) { a += load_v(at + step + i) * e1; }
      if (left > 2u) { a += load_v(at + 2u * step + i) * e2; }
      if (left > 3u) { a += load_v(at + 3u * step + i) * e3; }
      acc[i] = a;
    }
  }
  for (var i = 0u; i < D4; i++) { // unroll
    out[(row * p.heads + head) * D4 + i] = acc[i] / sum;
  }
}
