// Where the sum goes: back into x.
@group(0) @binding(3) var<storage, read_write> x: array<Pack>;   // [rows, packs]

fn keep_sum(i: u32, v: Pack) {
  if (ADDENDS > 0u) { x[i] = v; }
}
fn load_sum(i: u32) -> Pack { return x[i]; }
