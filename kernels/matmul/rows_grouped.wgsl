// Rows of an expert matmul. An assignment a = token row * choices + choice; `order` lists assignments
// sorted by expert, a tile is a part of that list that belongs to one expert.
struct Tile { expert: u32, start: u32, count: u32 }
@group(0) @binding(5) var<storage, read> order: array<u32>;     // [assignments]
@group(0) @binding(6) var<storage, read> routing: array<f32>;   // [assignments] weight of each choice

fn source_row(tile: Tile, i: u32) -> u32 { return order[tile.start + i] / p.choices; }
fn target_row(tile: Tile, i: u32) -> u32 { return order[tile.start + i]; }
fn scale_of(row: u32) -> f32 { return select(1.0, routing[row], SCALED); }
