// A block of 32 int4 weights, after kernels/weights/raw_blocks.wgsl; row counts blocks up to the row's first one.
@group(0) @binding(2) var<storage, read> w: array<vec4u>;
struct Raw { words: vec4u, scale: Scale }

fn load_raw(row: u32, piece: u32) -> Raw { return Raw(w[row + piece], scale_of_block(row + piece)); }

// Eight weights.
fn pair_of(raw: Raw, pair: u32, one: u32) -> array<vec4f, 2> {
  let scale = scale_value(raw.scale);
  let s = scale * vec3f(0x1p12, 0x1p8, 0x1p4);          // of codes at bits 11, 15 and 19
  let c = -scale * vec3f(0x1p12 + 8.0, 0x1p8 + 8.0, 0x1p4 + 8.0);
  let word = raw.words[pair];
  let left = word << 11u;
  let right = word >> 1u;
  let far = word >> 13u;
  return array<vec4f, 2>(
    vec4f(
      fma(under(one, left & 0x7800u), s.x, c.x),
      fma(under(one, left & 0x78000u), s.y, c.y),
      fma(under(one, left & 0x780000u), s.z, c.z),
      fma(under(one, right & 0x7800u), s.x, c.x),
    ),
    vec4f(
      fma(under(one, right & 0x78000u), s.y, c.y),
      fma(under(one, right & 0x780000u), s.z, c.z),
      fma(under(one, far & 0x7800u), s.x, c.x),
      fma(under(one, far & 0x78000u), s.y, c.y),
    ),
  );
}
