// Weights as int8 blocks, after kernels/weights/blocks.wgsl; index i counts groups of four along a padded row.
@group(0) @binding(2) var<storage, read> w: array<u32>;

fn load_w(i: u32) -> vec4f { return four_bytes(w[i], scale_at(i / 8u)); }
