// The KV cache is paged: PAGE tokens of one sequence lie together, `table` finds the page.
@group(0) @binding(1) var<storage, read> live: array<u32>;
@group(0) @binding(2) var<storage, read> rows: array<vec4u>;    // [rows] (slot, position, token, keys)
@group(0) @binding(3) var<storage, read> table: array<u32>;     // [slots, TABLE_PAGES]

// Index of a token's row in the cache, in tokens.
fn cache_row(slot: u32, position: u32) -> u32 {
  return table[slot * TABLE_PAGES + position / PAGE] * PAGE + position % PAGE;
}
