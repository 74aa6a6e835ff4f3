// A block of 32 int8 weights, after kernels/weights/raw_blocks.wgsl; row counts blocks up to the row's first one.
@group(0) @binding(2) var<storage, read> w: array<vec4u>;
struct Raw { words: array<vec4u, 2>, scale: Scale }

fn load_raw(row: u32, piece: u32) -> Raw {
  let at = 2u * (row + piece);
  return Raw(array<vec4u, 2>(w[at], w[at + 1u]), scale_of_block(row + piece));
}

// Eight weights.
fn pair_of(raw: Raw, pair: u32, one: u32) -> array<vec4f, 2> {
  let words = select(raw.words[0], raw.words[1], pair >= 2u);
  let two = select(words.xy, words.zw, pair % 2u == 1u);
  let scale = scale_value(raw.scale);
  return array<vec4f, 2>(four_codes(two.x, one, scale), four_codes(two.y, one, scale));
}

fn four_codes(word: u32, one: u32, scale: f32) -> vec4f {
  let codes = word ^ 0x80808080u; // -128 .. 127 as 0 .. 255
  let bits = vec4f(
    under(one, (codes << 15u) & 0x7f8000u),
    under(one, (codes << 7u) & 0x7f8000u),
    under(one, (codes >> 1u) & 0x7f8000u),
    under(one, (codes >> 9u) & 0x7f8000u),
  );
  return fma(bits, vec4f(scale * 0x1p8), vec4f(-scale * (0x1p8 + 128.0)));
}
