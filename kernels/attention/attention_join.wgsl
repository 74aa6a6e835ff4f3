// Joins the spans of one row and head that attention_tiled.wgsl left with SPLIT, in order. A lane per four
// channels; eight spans are loaded at a time, so that their loads wait together.
struct Params { rows_at: u32, heads: u32, spans: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> live: array<u32>;
@group(0) @binding(2) var<storage, read> rows: array<vec4u>;          // [rows] (slot, position, token, keys)
@group(0) @binding(3) var<storage, read> parts: array<vec4f>;         // [rows, heads, spans, D4 + 1]
@group(0) @binding(4) var<storage, read_write> out: array<vec4f>;     // [rows, heads, D4]

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.y;
  let head = group.x;
  if (row >= live[p.rows_at]) { return; }
  let keys = rows[row].w;
  let span = span_keys(keys);
  let count = (keys + span - 1u) / span;
  let base = (row * p.heads + head) * p.spans * (D4 + 1u);
  for (var channel = lane; channel < D4; channel += LANES) {
    var acc = vec4f();
    var top = LOWEST;
    var sum = 0.0;
    for (var first = 0u; first < count; first += 8u) {
      var ends: array<vec2f, 8>;
      var sums: array<vec4f, 8>;
      for (var i = 0u; i < 8u; i++) { // unroll
        let at = base + min(first + i, count - 1u) * (D4 + 1u);
        ends[i] = parts[at + D4].xy;
        sums[i] = parts[at + channel];
      }
      for (var i = 0u; i < 8u; i++) { // unroll
        if (first + i < count) {
          let join = join_spans(top, ends[i].x);
          top = join.top;
          sum = fma(ends[i].y, join.add, sum * join.keep);
          acc = fma(sums[i], vec4f(join.add), acc * join.keep);
        }
      }
    }
    out[(row * p.heads + head) * D4 + channel] = acc / sum;
  }
}
