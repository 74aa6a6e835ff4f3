// int4 codes as int8, after kernels/raw_q4.wgsl: 16 (code - 8), of eight weights the even ones, then the odd ones.
const CODE_UNIT = 0.0625;

fn codes_of(raw: Raw) -> array<vec4u, 2> {
  return array<vec4u, 2>(vec4u(eight(raw.words.x), eight(raw.words.y)), vec4u(eight(raw.words.z), eight(raw.words.w)));
}

fn eight(word: u32) -> vec2u {
  return vec2u(((word << 4u) ^ p.eights) & 0xf0f0f0f0u, (word ^ p.eights) & 0xf0f0f0f0u);
}

fn packed(a: vec4u, b: vec4u) -> vec2u {
  return vec2u(pack4xU8(vec4u(a.xz, b.xz)), pack4xU8(vec4u(a.yw, b.yw)));
}
