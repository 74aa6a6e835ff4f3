// Weights as float32, row-major; index i counts groups of four along a row.
@group(0) @binding(2) var<storage, read> w: array<vec4f>;

fn load_w(i: u32) -> vec4f {
  return w[i];
}
