// sums[at + part] = sum of squares of the part-th stretch of g. One workgroup per part.
struct Params { fours: u32, stretch4: u32, at: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> g: array<vec4f>;            // [fours]
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let end = min(p.fours, (group.x + 1u) * p.stretch4);
  var sum = vec4f();
  for (var i = group.x * p.stretch4 + lane; i < end; i += LANES) {
    sum = fma(g[i], g[i], sum);
  }
  let all = total(lane, (sum.x + sum.y) + (sum.z + sum.w));
  if (lane == 0u) { sums[p.at + group.x] = all; }
}
