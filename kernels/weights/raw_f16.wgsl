// 16 float16 weights in loads of 16 bytes, for rows that divide by 8; row counts groups of eight up to the
// row's first one. What is past the row's end stands for x that is zero.
@group(0) @binding(2) var<storage, read> w: array<vec4u>;
struct Raw { words: array<vec4u, 2> }

fn load_raw(row: u32, piece: u32) -> Raw {
  let i = 2u * piece;
  if (WHOLE_BLOCKS) { return Raw(array<vec4u, 2>(w[row + i], w[row + i + 1u])); }
  let last = p.k_runs / 2u - 1u;
  return Raw(array<vec4u, 2>(w[row + min(i, last)], w[row + min(i + 1u, last)]));
}

// Eight weights.
fn pair_of(raw: Raw, pair: u32, one: u32) -> array<vec4f, 2> {
  let words = select(raw.words[0], raw.words[1], pair == 1u);
  return array<vec4f, 2>(
    vec4f(unpack2x16float(words.x), unpack2x16float(words.y)),
    vec4f(unpack2x16float(words.z), unpack2x16float(words.w)),
  );
}
