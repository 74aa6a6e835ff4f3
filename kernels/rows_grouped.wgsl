// Rows of an expert matmul. An assignment a = token row * choices + choice; `order` lists assignments
// sorted by expert, `tiles[1..]` cuts that list into tiles of one expert each, `tiles[0].x` counts them.
struct Tile { expert: u32, start: u32, count: u32 }
@group(0) @binding(1) var<storage, read> tiles: array<vec4u>;   // [1 + most tiles] (expert, start, count, 0)
@group(0) @binding(5) var<storage, read> order: array<u32>;     // [assignments]
@group(0) @binding(6) var<storage, read> routing: array<f32>;   // [assignments] weight of each choice

fn tile_of(index: u32) -> Tile {
  if (index >= tiles[0].x) { return Tile(0u, 0u, 0u); }
  let t = tiles[index + 1u];
  let expert = t.x - p.expert_start;
  if (expert >= p.expert_count) { return Tile(0u, 0u, 0u); }
  return Tile(expert, t.y, t.z);
}

fn source_row(tile: Tile, i: u32) -> u32 { return order[tile.start + i] / p.choices; }
fn target_row(tile: Tile, i: u32) -> u32 { return order[tile.start + i]; }
fn scale_of(row: u32) -> f32 { return select(1.0, routing[row], SCALED); }
