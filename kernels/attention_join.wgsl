// Joins the spans of one row and head that attention.wgsl left with SPLIT, in order. A lane per four
// channels.
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
  let count = (rows[row].w + SPAN - 1u) / SPAN;
  for (var channel = lane; channel < D4; channel += LANES) {
    var acc = vec4f();
    var top = -3.0e38;
    var sum = 0.0;
    for (var span = 0u; span < count; span++) {
      let at = ((row * p.heads + head) * p.spans + span) * (D4 + 1u);
      let next = parts[at + D4];
      let join = join_spans(top, next.x);
      top = join.top;
      sum = fma(next.y, join.add, sum * join.keep);
      acc = fma(parts[at + channel], vec4f(join.add), acc * join.keep);
    }
    out[(row * p.heads + head) * D4 + channel] = acc / sum;
  }
}
