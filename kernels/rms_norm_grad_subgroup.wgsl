// As rms_norm_grad_memory.wgsl, the same bits, with kernels/lanes_subgroup.wgsl.
fn row_total(row: u32, lane: u32, value: vec2f) -> vec2f {
  return vec2f(total(lane, value.x), total(lane, value.y));
}
