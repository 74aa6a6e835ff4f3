// Splits qkv [Hq query heads | Hkv key heads | Hkv value heads], each D4 groups of four channels wide:
// RMSNorm over a head's channels and partial rotary embedding on q and k; v stays as it is. RoPE pairs
// channel i with i + r/2 among the first r ("half" layout); tables hold cos and sin of every position.
// A team of TEAM lanes per head: each takes PAIRS of the pairs and RESTS of the REST groups that do not turn,
// so that it writes what it read. Workgroups along y share the heads of a row. Where heads go and how teams
// add up is other files': head_base, head_at, store_turned, store_v; team_sum.
struct Params { rows_at: u32, heads: u32, kv_heads: u32, eps: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(6) var<storage, read_write> qkv: array<vec4f>;    // [rows, heads + 2 kv_heads, D4]
@group(0) @binding(7) var<storage, read> norm: array<vec4f>;         // [2, D4] weights of q, then of k
@group(0) @binding(8) var<storage, read> rope: array<vec4f>;         // [positions, 2, R8] cos, then sin
const ALL_PAIRS = PAIRS * TEAM == R8; // no lane has less than others
const ALL_RESTS = RESTS * TEAM == REST;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x;
  if (row >= live[p.rows_at]) { return; }
  let heads = p.heads + 2u * p.kv_heads;
  let head = group.y * (LANES / TEAM) + lane / TEAM;
  let member = lane % TEAM;
  let at = (row * heads + head) * D4;
  var x: array<vec4f, HELD>; // PAIRS from the lower half, PAIRS from the upper half, RESTS
  if (head < heads) {
    for (var n = 0u; n < PAIRS; n++) { // unroll
      let i = member + n * TEAM;
      if (ALL_PAIRS || i < R8) {
        x[n] = qkv[at + i];
        x[PAIRS + n] = qkv[at + R8 + i];
      }
    }
    for (var n = 0u; n < RESTS; n++) { // unroll
      let i = member + n * TEAM;
      if (ALL_RESTS || i < REST) { x[2u * PAIRS + n] = qkv[at + 2u * R8 + i]; }
    }
  }
  var scale = 1.0;
  if (QK_NORM) {
    var sum = 0.0;
    for (var n = 0u; n < HELD; n++) { // unroll
      let v = x[n];
      sum = fma(v.w, v.w, fma(v.z, v.z, fma(v.y, v.y, fma(v.x, v.x, sum))));
    }
    scale = 1.0 / sqrt(team_sum(lane, sum) / f32(D4 * 4u) + p.eps);
  }
  if (head >= heads) { return; }
  let where_ = rows[row];
  let to = head_at(head_base(row, where_), row * heads, head) * D4;
  if (head >= p.heads + p.kv_heads) {
    for (var n = 0u; n < PAIRS; n++) { // unroll
      let i = member + n * TEAM;
      if (ALL_PAIRS || i < R8) {
        store_v(to + i, x[n]);
        store_v(to + R8 + i, x[PAIRS + n]);
      }
    }
    for (var n = 0u; n < RESTS; n++) { // unroll
      let i = member + n * TEAM;
      if (ALL_RESTS || i < REST) { store_v(to + 2u * R8 + i, x[2u * PAIRS + n]); }
    }
  } else {
    let is_key = head >= p.heads;
    let norm_at = select(0u, D4, is_key);
    let rope_at = where_.y * 2u * R8;
    for (var n = 0u; n < PAIRS; n++) { // unroll
      let i = member + n * TEAM;
      if (ALL_PAIRS || i < R8) {
        let low = x[n] * scale * norm[norm_at + i];
        let high = x[PAIRS + n] * scale * norm[norm_at + R8 + i];
        let c = rope[rope_at + i];
        let s = rope[rope_at + R8 + i];
        store_turned(is_key, to + i, low * c - high * s);
        store_turned(is_key, to + R8 + i, high * c + low * s);
      }
    }
    for (var n = 0u; n < RESTS; n++) { // unroll
      let i = member + n * TEAM;
      if (ALL_RESTS || i < REST) {
        let v = x[2u * PAIRS + n] * scale * norm[norm_at + 2u * R8 + i];
        store_turned(is_key, to + 2u * R8 + i, v);
      }
    }
  }
}
