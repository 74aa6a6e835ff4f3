// Heads of qk_norm_rope.wgsl in inference: q stays in its row, k and v go into the cache.
fn head_base(row: u32, where_: vec4u) -> u32 { return cache_row(where_.x, where_.y) * p.kv_heads; }

fn head_at(base: u32, head: u32) -> u32 {
  return base + head - p.heads - select(0u, p.kv_heads, head >= p.heads + p.kv_heads);
}

fn store_q(i: u32, q: vec4f) { qkv[i] = q; }
