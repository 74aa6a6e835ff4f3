// Backward of qk_norm_rope.wgsl over rows without a cache, in place: with g the gradient of a turned head,
// turned back, and s = 1 / sqrt(mean(x^2) + eps), dx = s (w g - x s^2 mean(w g x)); dw sums g s x over
// rows and heads. Values pass through untouched. A team of SHARES lanes per row shares a head's channels as
// qk_norm_rope.wgsl does, since a GPU's registers do not hold a head's. A workgroup takes BLOCK rows of the
// query heads or of the key heads and leaves their part of dw: teams in order, blocks later in order.
struct Params { rows_at: u32, heads: u32, kv_heads: u32, eps: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> live: array<u32>;
@group(0) @binding(2) var<storage, read> rows: array<vec4u>;           // [rows] (row, position, token, 0)
@group(0) @binding(3) var<storage, read> qkv: array<vec4f>;            // [rows, heads + 2 kv_heads, D4]
@group(0) @binding(4) var<storage, read> norm: array<vec4f>;           // [2, D4] weights of q, then of k
@group(0) @binding(5) var<storage, read> rope: array<vec4f>;           // [positions, 2, R8] cos, then sin
@group(0) @binding(6) var<storage, read_write> dturned: array<vec4f>;  // as qkv
@group(0) @binding(7) var<storage, read_write> parts: array<vec4f>;    // [blocks, 2, D4]
const TEAMS = LANES / SHARES;
var<workgroup> sums: array<vec4f, TEAMS * D4>;

// Place in its head of a member's n-th group of four channels, as x in qk_norm_rope.wgsl; D4 where there is none.
fn place(member: u32, n: u32) -> u32 {
  if (n < 2u * PAIRS) {
    let i = member + n % PAIRS * SHARES;
    return select(D4, i + n / PAIRS * R8, i < R8);
  }
  let i = member + (n - 2u * PAIRS) * SHARES;
  return select(D4, i + 2u * R8, i < REST);
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = group.x * BLOCK;
  let live_rows = live[p.rows_at];
  if (first >= live_rows) { return; }
  let is_key = group.y == 1u;
  let first_head = select(0u, p.heads, is_key);
  let heads = select(p.heads, p.kv_heads, is_key);
  let member = lane % SHARES;
  let team = lane / SHARES;
  var w: array<vec4f, HELD>;
  var dw: array<vec4f, HELD>;
  for (var n = 0u; n < HELD; n++) { // unroll
    let i = place(member, n);
    if (i < D4) { w[n] = norm[group.y * D4 + i]; }
  }
  for (var ahead = 0u; ahead < BLOCK; ahead += TEAMS) {
    let row = first + ahead + team;
    let there = row < live_rows; // teams without a row come along, since lanes meet in sum_shares
    var c: array<vec4f, PAIRS>;
    var s: array<vec4f, PAIRS>;
    if (there) {
      let rope_at = rows[row].y * 2u * R8;
      for (var n = 0u; n < PAIRS; n++) { // unroll
        let i = min(member + n * SHARES, R8 - 1u);
        c[n] = rope[rope_at + i];
        s[n] = rope[rope_at + R8 + i];
      }
    }
    for (var head = 0u; head < heads; head++) {
      let at = (row * (p.heads + 2u * p.kv_heads) + first_head + head) * D4;
      var g: array<vec4f, HELD>;
      var x: array<vec4f, HELD>;
      for (var n = 0u; n < HELD; n++) { // unroll
        let i = place(member, n);
        if (there && i < D4) {
          g[n] = dturned[at + i];
          if (QK_NORM) { x[n] = qkv[at + i]; }
        } else {
          g[n] = vec4f();
          x[n] = vec4f();
        }
      }
      for (var n = 0u; n < PAIRS; n++) { // unroll
        let low = g[n];
        let high = g[PAIRS + n];
        g[n] = fma(low, c[n], high * s[n]);
        g[PAIRS + n] = fma(high, c[n], -low * s[n]);
      }
      var scale = 1.0;
      var back = 0.0;
      if (QK_NORM) {
        var squares = 0.0;
        var slope = 0.0;
        for (var n = 0u; n < HELD; n++) { // unroll
          let v = x[n];
          let wg = w[n] * g[n];
          squares = fma(v.w, v.w, fma(v.z, v.z, fma(v.y, v.y, fma(v.x, v.x, squares))));
          slope = fma(v.w, wg.w, fma(v.z, wg.z, fma(v.y, wg.y, fma(v.x, wg.x, slope))));
        }
        let whole = sum_shares(lane, vec4f(squares, slope, 0.0, 0.0));
        scale = 1.0 / sqrt(whole.x / f32(D4 * 4u) + p.eps);
        back = scale * scale * whole.y / f32(D4 * 4u);
      }
      for (var n = 0u; n < HELD; n++) { // unroll
        let i = place(member, n);
        if (there && i < D4) {
          if (QK_NORM) {
            dw[n] = fma(g[n], scale * x[n], dw[n]);
            dturned[at + i] = scale * fma(x[n], vec4f(-back), w[n] * g[n]);
          } else {
            dturned[at + i] = w[n] * g[n];
          }
        }
      }
    }
  }
  if (QK_NORM) {
    for (var n = 0u; n < HELD; n++) { // unroll
      let i = place(member, n);
      if (i < D4) { sums[team * D4 + i] = dw[n]; }
    }
    workgroupBarrier();
    for (var i = lane; i < D4; i += LANES) {
      var sum = vec4f();
      for (var from_team = 0u; from_team < TEAMS; from_team++) { sum += sums[from_team * D4 + i]; }
      parts[(group.x * 2u + group.y) * D4 + i] = sum;
    }
  }
}
