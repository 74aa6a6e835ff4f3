// Tiles for kernels/matmul/rows_pairs.wgsl, as kernels/matmul/find_pairs.wgsl left them.
@group(0) @binding(1) var<storage, read> pairs: array<vec4u>;   // [rows, choices] (expert, first, count, second)

fn tile_here(index: u32, column: u32, lane: u32) -> Tile { return tile_of_pair(pairs[index]); }
