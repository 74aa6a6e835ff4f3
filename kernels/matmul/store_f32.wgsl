// Outputs first .. first + OUTPUTS (those below `count`) of the row of y that starts at `at`.
@group(0) @binding(4) var<storage, read_write> y: array<f32>;   // [rows, y_stride]

fn store_outputs(at: u32, first: u32, count: u32, outputs: array<f32, NW>) {
  for (var j = 0u; j < OUTPUTS; j++) { // unroll
    if (first + j < count) { y[at + first + j] = outputs[j]; }
  }
}

fn finish_tile(tile: Tile, group: u32, lane: u32) {}
