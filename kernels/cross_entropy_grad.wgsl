// Gradient of a (cross-entropy C) + b (entropy H), in place of the logits z of each row with label y:
//   dz_j = a (p_j - [j = y]) - b p_j (ln p_j + H), ln p_j = (z_j - z_y) - C.
// Of a label that is all but certain p_y - 1 is what rounding leaves of it: a log-sum-exp is rounded as the
// logits are large, C is not. One workgroup per row.
struct Params { vocab: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> live: array<u32>;
@group(0) @binding(3) var<storage, read> labels: array<u32>;          // [rows]
@group(0) @binding(4) var<storage, read> stats: array<vec4f>;         // [rows] C, H, z_y, id
@group(0) @binding(5) var<storage, read> coefficients: array<vec2f>;  // [rows] a, b

const LOWEST = -3.0e38;   // where there is no logit

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x;
  if (row >= live[1]) { return; }
  let given = stats[row];
  let factor = coefficients[row];
  let label = labels[row];
  for (var i = lane; i * 4u < p.vocab; i += LANES) {
    let log_p = (load_four(row, i) - given.z) - given.x;
    let scale = fma(vec4f(-factor.y), log_p + given.y, vec4f(factor.x));
    let is_label = vec4u(0u, 1u, 2u, 3u) + i * 4u == vec4u(label);
    store_four(row, i, fma(exp(log_p), scale, select(vec4f(), vec4f(-factor.x), is_label)));
  }
}
