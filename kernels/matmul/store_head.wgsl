// In place of a row's outputs, what greedy decoding needs of them: per row and workgroup a vec4u of the
// bits of (largest, largest but the mask, its id, sum of exp(z - largest)); ties go to the lower id. A sum
// of -1 marks a value that is not finite. So logits are never stored: y_stride counts workgroups here.
// `store_part` and `finish_tile` merge the lanes' parts.
@group(0) @binding(4) var<storage, read_write> partials: array<vec4u>;   // [rows, y_stride]

const LOWEST_LOGIT = -3.0e38;

fn store_outputs(at: u32, first: u32, count: u32, outputs: array<f32, NW>) {
  var peak = LOWEST_LOGIT;
  var top = LOWEST_LOGIT;
  var id = 0xffffffffu;
  var finite = true;
  for (var j = 0u; j < OUTPUTS; j++) { // unroll
    if (first + j < count) {
      let z = outputs[j];
      finite = finite && (bitcast<u32>(z) & 0x7f800000u) != 0x7f800000u;
      peak = max(peak, z);
      if (p.w_start + first + j != MASK && z > top) { top = z; id = p.w_start + first + j; }
    }
  }
  var sum = 0.0;
  for (var j = 0u; j < OUTPUTS; j++) { // unroll
    if (first + j < count) { sum += exp(outputs[j] - peak); }
  }
  store_part(at, first / NW, part_bits(peak, top, id, select(-1.0, sum, finite)));
}

fn part_bits(peak: f32, top: f32, id: u32, sum: f32) -> vec4u {
  return vec4u(bitcast<u32>(peak), bitcast<u32>(top), id, bitcast<u32>(sum));
}

// Two parts as one; the second one's columns follow those of the first.
fn merged(a: vec4u, b: vec4u) -> vec4u {
  let peak = max(bitcast<f32>(a.x), bitcast<f32>(b.x));
  let second = bitcast<f32>(b.y) > bitcast<f32>(a.y);
  let sum_a = bitcast<f32>(a.w);
  let sum_b = bitcast<f32>(b.w);
  let sum = sum_a * exp(bitcast<f32>(a.x) - peak) + sum_b * exp(bitcast<f32>(b.x) - peak);
  let finite = sum_a >= 0.0 && sum_b >= 0.0;
  return vec4u(bitcast<u32>(peak), select(a.yz, b.yz, second), bitcast<u32>(select(-1.0, sum, finite)));
}
