// x[row] += sum_j add[row, j] (in order); h[row] = x[row] / sqrt(mean(x[row]^2) + eps) * w.
// The sum folds a residual (ADDENDS 1) or the experts' outputs (ADDENDS top-k + shared) into the norm
// that reads them next. One workgroup per row; each lane adds all partial sums itself: one barrier.
struct Params { rows_at: u32, width4: u32, eps: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> live: array<u32>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;         // [width4]
@group(0) @binding(4) var<storage, read> add: array<vec4f>;       // [rows, ADDENDS, width4]
@group(0) @binding(5) var<storage, read_write> h: array<vec4f>;   // [rows, width4]
var<workgroup> part: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x;
  if (row >= live[p.rows_at]) { return; }
  let at = row * p.width4;
  var sum = 0.0;
  for (var i = lane; i < p.width4; i += LANES) {
    var v = x[at + i];
    for (var j = 0u; j < ADDENDS; j++) {
      v += add[(row * ADDENDS + j) * p.width4 + i];
    }
    keep_sum(at + i, v);
    sum = fma(v.w, v.w, fma(v.z, v.z, fma(v.y, v.y, fma(v.x, v.x, sum))));
  }
  part[lane] = sum;
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i < LANES; i++) { // unroll
    total += part[i];
  }
  let scale = 1.0 / sqrt(total / f32(p.width4 * 4u) + p.eps);
  for (var i = lane; i < p.width4; i += LANES) {
    h[at + i] = load_sum(at + i) * scale * w[i];
  }
}
