// Tiles that a file before this one finds by their index alone.
fn tile_here(index: u32, column: u32, lane: u32) -> Tile { return tile_of(index); }
