// What SwiGLU and its gradient read: gate and up, which take turns in x.
struct Params { rows_at: u32, per_row: u32, width4: u32 }
struct Pairs { gate: vec4f, up: vec4f }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> live: array<u32>;
@group(0) @binding(2) var<storage, read> x: array<Pack>;           // [items, 2 width4 / FOURS] gate, up, gate, up

fn pairs_at(at: u32) -> Pairs {
  var pairs: array<vec4f, 2>; // of gate and up
  for (var r = 0u; r < PACKS; r++) { // unroll
    let pack = fours(x[PACKS * at + r]);
    for (var h = 0u; h < FOURS; h++) { // unroll
      pairs[r * FOURS + h] = pack[h];
    }
  }
  return Pairs(vec4f(pairs[0].xz, pairs[1].xz), vec4f(pairs[0].yw, pairs[1].yw));
}
