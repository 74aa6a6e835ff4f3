// Tiles of few rows: `tiles[1..]` cuts the sorted list of assignments, `tiles[0].x` counts them.
@group(0) @binding(1) var<storage, read> tiles: array<vec4u>;   // [1 + most tiles] (expert, start, count, 0)

fn tile_of(index: u32) -> Tile {
  let t = tiles[index + 1u]; // there even where it is no tile: both loads are under way before one is looked at
  if (index >= tiles[0].x) { return Tile(0u, 0u, 0u); }
  let expert = t.x - p.expert_start;
  if (expert >= p.expert_count) { return Tile(0u, 0u, 0u); }
  return Tile(expert, t.y, t.z);
}
