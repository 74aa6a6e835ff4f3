// Tiles for kernels/matmul/rows_pairs.wgsl, as kernels/matmul/find_pairs.wgsl left them.
@group(0) @binding(1) var<storage, read> pairs: array<vec4u>;   // [rows, CHOICES] (expert, first, count, second or first)

// Both loads are under way at once; where there is no assignment, the first, which caches hold, says so.
fn tile_here(index: u32, column: u32, lane: u32) -> Tile {
  let assignments = live[p.rows_at] * CHOICES;
  let pair = pairs[index];
  if (index >= assignments) { return Tile(0u, 0u, 0u, 0u); }
  return tile_of_pair(pair);
}
