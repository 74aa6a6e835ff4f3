// As store_f32.wgsl, eight at a time as four 64-bit words: where every count and start divides by 8. Stores are
// dear on a CPU driver as loads are (kernels/pack_eight.wgsl).
@group(0) @binding(4) var<storage, read_write> y: array<vec4<u64>>;   // [rows, y_stride / 8]

fn store_outputs(at: u32, first: u32, count: u32, outputs: array<f32, NW>) {
  if (first < count) {
    let even = bitcast<vec4u>(vec4f(outputs[0], outputs[2], outputs[4], outputs[6]));
    let odd = bitcast<vec4u>(vec4f(outputs[1], outputs[3], outputs[5], outputs[7]));
    y[(at + first) / 8u] = vec4<u64>(even) | (vec4<u64>(odd) << vec4u(32u));
  }
}

fn finish_tile(tile: Tile, group: u32, lane: u32) {}
