// Rows of an expert matmul in tiles of two: tile a is the assignment a and the next one of its expert, where a is its
// expert's first, third and so on; others have no rows. `tile_here` is other files': the first matmul finds the tiles
// (find_pairs.wgsl), the second reads them (read_pairs.wgsl).
struct Tile { expert: u32, first: u32, count: u32, second: u32 }
@group(0) @binding(5) var<storage, read> live: array<u32>;
@group(0) @binding(6) var<storage, read> routing: array<f32>;   // [assignments] weight of each choice

fn source_row(tile: Tile, i: u32) -> u32 { return target_row(tile, i) / p.choices; }
fn target_row(tile: Tile, i: u32) -> u32 { return select(tile.first, tile.second, i == 1u); }
fn scale_of(row: u32) -> f32 { return select(1.0, routing[row], SCALED); }

// A pair (expert, first, count, second) as a tile, none where other weights are bound than its expert's.
fn tile_of_pair(pair: vec4u) -> Tile {
  let expert = pair.x - p.expert_start;
  return Tile(expert, pair.y, select(0u, pair.z, expert < p.expert_count), pair.w);
}
