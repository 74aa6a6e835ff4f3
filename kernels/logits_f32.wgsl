// As logits_vec4.wgsl, for any vocabulary: rows need not start at whole fours.
@group(0) @binding(2) var<storage, read_write> logits: array<f32>;  // [rows, vocab]

fn load_four(row: u32, i: u32) -> vec4f {
  var four = vec4f(LOWEST);
  for (var j = 0u; j < 4u; j++) { // unroll
    if (i * 4u + j < p.vocab) { four[j] = logits[row * p.vocab + i * 4u + j]; }
  }
  return four;
}

fn store_four(row: u32, i: u32, four: vec4f) {
  for (var j = 0u; j < 4u; j++) { // unroll
    if (i * 4u + j < p.vocab) { logits[row * p.vocab + i * 4u + j] = four[j]; }
  }
}

fn load_one(row: u32, id: u32) -> f32 {
  return logits[row * p.vocab + id];
}
