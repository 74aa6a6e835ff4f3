// Rows of a dense matmul: row i of x gives row i of y. `live[rows_at]` rows exist in this pass.
struct Tile { expert: u32, start: u32, count: u32 }
@group(0) @binding(1) var<storage, read> live: array<u32>;

fn tile_of(index: u32) -> Tile {
  let start = index * TM;
  let rows = live[p.rows_at];
  if (start >= rows) { return Tile(0u, 0u, 0u); }
  return Tile(0u, start, min(TM, rows - start));
}

fn source_row(tile: Tile, i: u32) -> u32 { return tile.start + i; }
fn target_row(tile: Tile, i: u32) -> u32 { return tile.start + i; }
fn scale_of(row: u32) -> f32 { return 1.0; }
