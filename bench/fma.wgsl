// Sixteen chains of fused multiply-adds a lane that nothing else waits for: the rate of arithmetic alone.
struct Params { turns: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let x = f32(id.x) * 1e-9;
  var a: array<vec4f, 4>;
  for (var turn = 0u; turn < p.turns; turn++) {
    for (var step = 0u; step < 8u; step++) { // unroll
      for (var i = 0u; i < 4u; i++) { // unroll
        a[i] = fma(a[i], vec4f(0.999), vec4f(x));
      }
    }
  }
  out[id.x] = dot(a[0] + a[1], a[2] + a[3]);
}
