// int8 codes as they are, after kernels/weights/raw_q8.wgsl.
const CODE_UNIT = 1.0;

fn codes_of(raw: Raw, eights: u32) -> array<vec4u, 2> { return raw.words; }

fn packed(a: vec4u, b: vec4u) -> vec2u { return vec2u(pack4xU8(a), pack4xU8(b)); }
