// Quantized weights for GPUs: as kernels/weights/blocks.wgsl, but codes become floats without a conversion (a fourth of
// an fma's rate or less there): a code's bits in the mantissa of 1 are 1 + code / 2^12 and so on, and one
// multiplication and addition take offset and scale back. Codes stand so high (bit 11 and up) that every step
// is exact, fused or not: the values are those of kernels/weights/blocks.wgsl.
@group(0) @binding(7) var<storage, read> scales: array<u32>;

// The two scales of a word, and which is meant: taken apart when they are needed, not while they are loaded.
struct Scale { two: u32, shift: u32 }

fn scale_of_block(block: u32) -> Scale { return Scale(scales[block / 2u], block % 2u * 16u); }
fn scale_value(scale: Scale) -> f32 { return unpack2x16float(scale.two >> scale.shift).x; }
fn under(one: u32, bits: u32) -> f32 { return bitcast<f32>(bits | one); }
