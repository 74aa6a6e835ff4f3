// Where the sum goes: into a buffer of its own; x stays as it is, for the backward pass.
@group(0) @binding(3) var<storage, read> x: array<Pack>;           // [rows, packs]
@group(0) @binding(6) var<storage, read_write> sums: array<Pack>;  // [rows, packs]

fn keep_sum(i: u32, v: Pack) { sums[i] = v; }
fn load_sum(i: u32) -> Pack { return sums[i]; }
