// As store_f32.wgsl, four at a time: where every count and start divides by 4.
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;   // [rows, y_stride / 4]

fn store_outputs(at: u32, first: u32, count: u32, outputs: array<f32, NW>) {
  for (var j = 0u; j < QUADS; j++) { // unroll
    if (first + 4u * j < count) {
      let four = vec4f(outputs[4u * j], outputs[4u * j + 1u], outputs[4u * j + 2u], outputs[4u * j + 3u]);
      y[(at + first) / 4u + j] = four;
    }
  }
}

fn finish_tile(tile: Tile, group: u32, lane: u32) {}
