// One tile per expert: all its rows, none for an expert without any.
@group(0) @binding(1) var<storage, read> segments: array<vec2u>;   // [experts] (start, count)

fn tile_of(index: u32) -> Tile {
  let segment = segments[p.expert_start + index];
  return Tile(index, segment.x, segment.y);
}
