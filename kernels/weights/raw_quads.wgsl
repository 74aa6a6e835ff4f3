// PAIRS times eight weights as groups of four, for any row, after a file with load_w; row counts groups of four
// up to the row's first one. What is past the row's end stands for x that is zero.
struct Raw { quads: array<vec4f, PIECE_QUADS> }

fn load_raw(row: u32, piece: u32) -> Raw {
  var quads: array<vec4f, PIECE_QUADS>;
  for (var g = 0u; g < PIECE_QUADS; g++) { // unroll
    let i = PIECE_QUADS * piece + g;
    quads[g] = load_w(row + select(min(i, p.k_runs - 1u), i, WHOLE_BLOCKS));
  }
  return Raw(quads);
}

fn pair_of(raw: Raw, pair: u32, one: u32) -> array<vec4f, 2> {
  return array<vec4f, 2>(raw.quads[2u * pair], raw.quads[2u * pair + 1u]);
}
