// Backward of qk_norm_rope.wgsl over rows without a cache, in place: with g the gradient of a turned head,
// turned back, and s = 1 / sqrt(mean(x^2) + eps), dx = s (w g - x s^2 mean(w g x)); dw sums g s x over
// rows and heads. Values pass through untouched. One lane per row, a workgroup takes BLOCK rows of the
// query heads or of the key heads and leaves their part of dw: lanes in order, blocks later in order.
struct Params { rows_at: u32, heads: u32, kv_heads: u32, eps: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> live: array<u32>;
@group(0) @binding(2) var<storage, read> rows: array<vec4u>;           // [rows] (row, position, token, 0)
@group(0) @binding(3) var<storage, read> qkv: array<vec4f>;            // [rows, heads + 2 kv_heads, D4]
@group(0) @binding(4) var<storage, read> norm: array<vec4f>;           // [2, D4] weights of q, then of k
@group(0) @binding(5) var<storage, read> rope: array<vec4f>;           // [positions, 2, R8] cos, then sin
@group(0) @binding(6) var<storage, read_write> dturned: array<vec4f>;  // as qkv
@group(0) @binding(7) var<storage, read_write> parts: array<vec4f>;    // [blocks, 2, D4]
var<workgroup> sums: array<vec4f, LANES * D4>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = group.x * BLOCK;
  let live_rows = live[p.rows_at];
  if (first >= live_rows) { return; }
  let is_key = group.y == 1u;
  let first_head = select(0u, p.heads, is_key);
  let heads = select(p.heads, p.kv_heads, is_key);
  var w: array<vec4f, D4>;
  var dw: array<vec4f, D4>;
  for (var i = 0u; i < D4; i++) { // unroll
    w[i] = norm[group.y * D4 + i];
    dw[i] = vec4f();
  }
  for (var row = first + lane; row < min(first + BLOCK, live_rows); row += LANES) {
    var c: array<vec4f, R8>;
    var s: array<vec4f, R8>;
    for (var i = 0u; i < R8; i++) { // unroll
      c[i] = rope[rows[row].y * 2u * R8 + i];
      s[i] = rope[rows[row].y * 2u * R8 + R8 + i];
    }
    for (var head = 0u; head < heads; head++) {
      let at = (row * (p.heads + 2u * p.kv_heads) + first_head + head) * D4;
      var g: array<vec4f, D4>;
      for (var i = 0u; i < D4; i++) { // unroll
        g[i] = dturned[at + i];
      }
      for (var i = 0u; i < R8; i++) { // unroll
        let low = g[i];
        let high = g[R8 + i];
        g[i] = fma(low, c[i], high * s[i]);
        g[R8 + i] = fma(high, c[i], -low * s[i]);
      }
      if (QK_NORM) {
        var x: array<vec4f, D4>;
        var squares = 0.0;
        var slope = 0.0;
        for (var i = 0u; i < D4; i++) { // unroll
          let v = qkv[at + i];
          let wg = w[i] * g[i];
          squares = fma(v.w, v.w, fma(v.z, v.z, fma(v.y, v.y, fma(v.x, v.x, squares))));
          slope = fma(v.w, wg.w, fma(v.z, wg.z, fma(v.y, wg.y, fma(v.x, wg.x, slope))));
          x[i] = v;
        }
        let scale = 1.0 / sqrt(squares / f32(D4 * 4u) + p.eps);
        let back = scale * scale * slope / f32(D4 * 4u);
        for (var i = 0u; i < D4; i++) { // unroll
          dw[i] = fma(g[i], scale * x[i], dw[i]);
          dturned[at + i] = scale * fma(x[i], vec4f(-back), w[i] * g[i]);
        }
      } else {
        for (var i = 0u; i < D4; i++) { // unroll
          dturned[at + i] = w[i] * g[i];
        }
      }
    }
  }
  if (QK_NORM) {
    for (var i = 0u; i < D4; i++) { // unroll
      sums[lane * D4 + i] = dw[i];
    }
    workgroupBarrier();
    for (var i = lane; i < D4; i += LANES) {
      var sum = vec4f();
      for (var from_lane = 0u; from_lane < LANES; from_lane++) { sum += sums[from_lane * D4 + i]; }
      parts[(group.x * 2u + group.y) * D4 + i] = sum;
    }
  }
}
