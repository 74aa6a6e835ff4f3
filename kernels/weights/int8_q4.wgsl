// int4 codes as int8, after kernels/weights/raw_q4.wgsl: 16 (code - 8), of eight weights the even ones, then the odd ones.
const CODE_UNIT = 0.0625;

fn codes_of(raw: Raw, eights: u32) -> array<vec4u, 2> {
  let w = raw.words;
  return array<vec4u, 2>(vec4u(eight(w.x, eights), eight(w.y, eights)), vec4u(eight(w.z, eights), eight(w.w, eights)));
}

fn eight(word: u32, eights: u32) -> vec2u {
  return vec2u(((word << 4u) ^ eights) & 0xf0f0f0f0u, (word ^ eights) & 0xf0f0f0f0u);
}

fn packed(a: vec4u, b: vec4u) -> vec2u {
  return vec2u(pack4xU8(vec4u(a.xz, b.xz)), pack4xU8(vec4u(a.yw, b.yw)));
}
