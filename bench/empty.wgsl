// Adds one to a word: a dispatch that waits for the one before it and does nothing else.
struct Params { step: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> word: array<u32>;

@compute @workgroup_size(1)
fn main() {
  word[0] += p.step;
}
