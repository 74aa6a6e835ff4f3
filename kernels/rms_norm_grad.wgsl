// Backward of h = x s w, s = 1 / sqrt(mean(x^2) + eps). With d = dh + sum_j add_j (in order) and g = d w:
//   dx = s g - x s^3 mean(g x), added to dx unless FRESH;   dw = sum over rows of d x s.
// A workgroup takes BLOCK rows in turn. Each lane keeps its COLUMNS groups of four channels in registers,
// so x and d are read once, and its sums of dw leave once a block, as parts that sum_parts.wgsl adds up.
struct Params { rows_at: u32, width4: u32, eps: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> live: array<u32>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;             // [width4]
@group(0) @binding(3) var<storage, read> x: array<vec4f>;             // [rows, width4]
@group(0) @binding(4) var<storage, read> dh: array<vec4f>;            // [rows, width4]
@group(0) @binding(5) var<storage, read> add: array<vec4f>;           // [rows, ADDENDS, width4]
@group(0) @binding(6) var<storage, read_write> dx: array<vec4f>;      // [rows, width4]
@group(0) @binding(7) var<storage, read_write> parts: array<vec4f>;   // [blocks of rows, width4]
var<workgroup> lane_sums: array<array<vec2f, LANES>, 2>;  // rows in turn use either half: one barrier a row

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = group.x * BLOCK;
  let last = min(first + BLOCK, live[p.rows_at]);
  if (first >= last) { return; }
  var weight: array<vec4f, COLUMNS>;
  var dw: array<vec4f, COLUMNS>;
  for (var c = 0u; c < COLUMNS; c++) { // unroll
    if (lane + c * LANES < p.width4) { weight[c] = w[lane + c * LANES]; }
  }
  for (var row = first; row < last; row++) {
    var v: array<vec4f, COLUMNS>;
    var d: array<vec4f, COLUMNS>;
    var squares = 0.0;
    var products = 0.0;
    for (var c = 0u; c < COLUMNS; c++) { // unroll
      let i = lane + c * LANES;
      v[c] = vec4f();
      d[c] = vec4f();
      if (i < p.width4) {
        v[c] = x[row * p.width4 + i];
        d[c] = dh[row * p.width4 + i];
        for (var j = 0u; j < ADDENDS; j++) { // unroll
          d[c] += add[(row * ADDENDS + j) * p.width4 + i];
        }
      }
      let g = d[c] * weight[c];
      let u = v[c];
      squares = fma(u.w, u.w, fma(u.z, u.z, fma(u.y, u.y, fma(u.x, u.x, squares))));
      products = fma(g.w, u.w, fma(g.z, u.z, fma(g.y, u.y, fma(g.x, u.x, products))));
    }
    lane_sums[row & 1u][lane] = vec2f(squares, products);
    workgroupBarrier();
    var total = vec2f();
    for (var i = 0u; i < LANES; i++) { // unroll
      total += lane_sums[row & 1u][i];
    }
    let mean = total / f32(p.width4 * 4u);
    let scale = 1.0 / sqrt(mean.x + p.eps);
    let pull = mean.y * scale * scale * scale;
    for (var c = 0u; c < COLUMNS; c++) { // unroll
      let i = lane + c * LANES;
      if (i < p.width4) {
        let change = fma(d[c] * weight[c], vec4f(scale), -pull * v[c]);
        if (FRESH) {
          dx[row * p.width4 + i] = change;
        } else {
          dx[row * p.width4 + i] += change;
        }
      }
      dw[c] = fma(d[c], v[c] * scale, dw[c]);
    }
  }
  for (var c = 0u; c < COLUMNS; c++) { // unroll
    let i = lane + c * LANES;
    if (i < p.width4) { parts[group.x * p.width4 + i] = dw[c]; }
  }
}
