// Heads of qk_norm_rope.wgsl in inference: q stays in its row, k and v go into the cache.
fn head_base(row: u32, where_: vec4u) -> u32 { return cache_row(where_.x, where_.y) * p.kv_heads; }

fn head_at(base: u32, first: u32, head: u32) -> u32 {
  if (head < p.heads) { return first + head; }
  return base + head - p.heads - select(0u, p.kv_heads, head >= p.heads + p.kv_heads);
}

fn store_turned(is_key: bool, i: u32, x: vec4f) {
  if (is_key) { store_k(i, x); } else { qkv[i] = x; }
}
