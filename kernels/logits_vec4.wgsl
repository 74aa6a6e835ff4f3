// Logits four at a time, where the vocabulary divides by 4. Past a row's end they are lowest.
@group(0) @binding(2) var<storage, read_write> logits: array<vec4f>;  // [rows, vocab / 4]

fn load_four(row: u32, i: u32) -> vec4f {
  if (i * 4u >= p.vocab) { return vec4f(LOWEST); }
  return logits[row * (p.vocab / 4u) + i];
}

fn store_four(row: u32, i: u32, four: vec4f) {
  logits[row * (p.vocab / 4u) + i] = four;
}

fn load_one(row: u32, id: u32) -> f32 {
  return load_four(row, id / 4u)[id % 4u];
}
