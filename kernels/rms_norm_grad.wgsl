// Backward of h = x s w, s = 1 / sqrt(mean(x^2) + eps). With d = dh + sum_j add_j (in order) and g = d w:
//   dx = s g - x s^3 mean(g x), added to dx unless FRESH;   dw = sum over rows of d x s.
// A workgroup takes BLOCK rows in turn. Each lane keeps its COLUMNS packs of channels in registers,
// so x and d are read once, and its sums of dw leave once a block, as parts that sum_parts.wgsl adds up.
struct Params { rows_at: u32, packs: u32, eps: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> live: array<u32>;
@group(0) @binding(2) var<storage, read> w: array<Pack>;              // [packs]
@group(0) @binding(3) var<storage, read> x: array<Pack>;              // [rows, packs]
@group(0) @binding(4) var<storage, read> dh: array<Pack>;             // [rows, packs]
@group(0) @binding(5) var<storage, read> add: array<Pack>;            // [rows, ADDENDS, packs]
@group(0) @binding(6) var<storage, read_write> dx: array<Pack>;       // [rows, packs]
@group(0) @binding(7) var<storage, read_write> parts: array<Pack>;    // [blocks of rows, packs]

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = group.x * BLOCK;
  let last = min(first + BLOCK, live[p.rows_at]);
  if (first >= last) { return; }
  var weight: array<array<vec4f, FOURS>, COLUMNS>;
  var dw: array<array<vec4f, FOURS>, COLUMNS>;
  for (var c = 0u; c < COLUMNS; c++) { // unroll
    if (lane + c * LANES < p.packs) { weight[c] = fours(w[lane + c * LANES]); }
  }
  for (var row = first; row < last; row++) {
    var v: array<array<vec4f, FOURS>, COLUMNS>;
    var d: array<array<vec4f, FOURS>, COLUMNS>;
    var squares = 0.0;
    var products = 0.0;
    for (var c = 0u; c < COLUMNS; c++) { // unroll
      let i = lane + c * LANES;
      v[c] = array<vec4f, FOURS>();
      d[c] = array<vec4f, FOURS>();
      if (i < p.packs) {
        v[c] = fours(x[row * p.packs + i]);
        d[c] = fours(dh[row * p.packs + i]);
        for (var j = 0u; j < ADDENDS; j++) { // unroll
          let more = fours(add[(row * ADDENDS + j) * p.packs + i]);
          for (var h = 0u; h < FOURS; h++) { // unroll
            d[c][h] += more[h];
          }
        }
      }
      for (var h = 0u; h < FOURS; h++) { // unroll
        let g = d[c][h] * weight[c][h];
        let u = v[c][h];
        squares = fma(u.w, u.w, fma(u.z, u.z, fma(u.y, u.y, fma(u.x, u.x, squares))));
        products = fma(g.w, u.w, fma(g.z, u.z, fma(g.y, u.y, fma(g.x, u.x, products))));
      }
    }
    let mean = row_total(row, lane, vec2f(squares, products)) / f32(p.packs * 4u * FOURS);
    let scale = 1.0 / sqrt(mean.x + p.eps);
    let pull = mean.y * scale * scale * scale;
    for (var c = 0u; c < COLUMNS; c++) { // unroll
      let i = lane + c * LANES;
      if (i < p.packs) {
        var slope = array<vec4f, FOURS>();
        if (!FRESH) { slope = fours(dx[row * p.packs + i]); }
        for (var h = 0u; h < FOURS; h++) { // unroll
          slope[h] += fma(d[c][h] * weight[c][h], vec4f(scale), -pull * v[c][h]);
        }
        dx[row * p.packs + i] = pack_of(slope);
      }
      for (var h = 0u; h < FOURS; h++) { // unroll
        dw[c][h] = fma(d[c][h], v[c][h] * scale, dw[c][h]);
      }
    }
  }
  for (var c = 0u; c < COLUMNS; c++) { // unroll
    let i = lane + c * LANES;
    if (i < p.packs) { parts[group.x * p.packs + i] = pack_of(dw[c]); }
  }
}
