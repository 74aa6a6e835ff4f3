// Splits qkv [Hq query heads | Hkv key heads | Hkv value heads], each D4 groups of four channels wide:
// RMSNorm over a head's channels and partial rotary embedding on q and k; v stays as it is. RoPE pairs
// channel i with i + r/2 among the first r ("half" layout); tables hold cos and sin of every position.
// One lane per head, one workgroup per row. Where heads go is another file's:
// head_base, head_at, store_turned, store_v.
struct Params { rows_at: u32, heads: u32, kv_heads: u32, eps: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(6) var<storage, read_write> qkv: array<vec4f>;    // [rows, heads + 2 kv_heads, D4]
@group(0) @binding(7) var<storage, read> norm: array<vec4f>;         // [2, D4] weights of q, then of k
@group(0) @binding(8) var<storage, read> rope: array<vec4f>;         // [positions, 2, R8] cos, then sin

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x;
  if (row >= live[p.rows_at]) { return; }
  let heads = p.heads + 2u * p.kv_heads;
  let where_ = rows[row];
  let base = head_base(row, where_);
  for (var head = lane; head < heads; head += LANES) {
    let at = (row * heads + head) * D4;
    let to = head_at(base, row * heads, head) * D4;
    if (head >= p.heads + p.kv_heads) {
      for (var i = 0u; i < D4; i++) { // unroll
        store_v(to + i, qkv[at + i]);
      }
    } else {
      let is_key = head >= p.heads;
      let norm_at = select(0u, D4, is_key);
      var x: array<vec4f, D4>;
      for (var i = 0u; i < D4; i++) { // unroll
        x[i] = qkv[at + i];
      }
      var scale = 1.0;
      if (QK_NORM) {
        var sum = 0.0;
        for (var i = 0u; i < D4; i++) { // unroll
          let v = x[i];
          sum = fma(v.w, v.w, fma(v.z, v.z, fma(v.y, v.y, fma(v.x, v.x, sum))));
        }
        scale = 1.0 / sqrt(sum / f32(D4 * 4u) + p.eps);
      }
      let rope_at = where_.y * 2u * R8;
      for (var i = 0u; i < R8; i++) { // unroll
        let low = x[i] * scale * norm[norm_at + i];
        let high = x[R8 + i] * scale * norm[norm_at + R8 + i];
        let c = rope[rope_at + i];
        let s = rope[rope_at + R8 + i];
        store_turned(is_key, to + i, low * c - high * s);
        store_turned(is_key, to + R8 + i, high * c + low * s);
      }
      for (var i = 0u; i < REST; i++) { // unroll
        let v = x[2u * R8 + i] * scale * norm[norm_at + 2u * R8 + i];
        store_turned(is_key, to + 2u * R8 + i, v);
      }
    }
  }
}
