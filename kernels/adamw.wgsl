// One step of AdamW with decoupled weight decay, as PyTorch does it. With g' = clip g:
//   w -= lr decay w;  m += (1 - beta1) (g' - m);  v = beta2 v + (1 - beta2) g'^2;
//   w -= lr / (1 - beta1^t) m / (sqrt(v / (1 - beta2^t)) + eps).
// Lanes walk the tensor pack by pack; zeros that pad it stay zeros.
struct Params { packs: u32, lanes: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> step: array<vec4f, 2>;      // lr, beta1, beta2, eps; decay, clip, 1 - beta1^t, 1 - beta2^t
@group(0) @binding(2) var<storage, read> g: array<Pack>;             // [packs]
@group(0) @binding(3) var<storage, read_write> w: array<Pack>;       // [packs]
@group(0) @binding(4) var<storage, read_write> m: array<Pack>;       // [packs]
@group(0) @binding(5) var<storage, read_write> v: array<Pack>;       // [packs]

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let rates = step[0];
  let more = step[1];
  let keep = 1.0 - rates.x * more.x;
  let rate = rates.x / more.z;
  let root = sqrt(more.w);
  for (var i = id.x; i < p.packs; i += p.lanes) {
    let slope = fours(g[i]);
    var first = fours(m[i]);
    var second = fours(v[i]);
    var value = fours(w[i]);
    for (var h = 0u; h < FOURS; h++) { // unroll
      let clipped = slope[h] * more.y;
      first[h] = fma(vec4f(1.0 - rates.y), clipped - first[h], first[h]);
      second[h] = fma(clipped * clipped, vec4f(1.0 - rates.z), second[h] * rates.z);
      value[h] = fma(vec4f(-rate), first[h] / (sqrt(second[h]) / root + rates.w), value[h] * keep);
    }
    m[i] = pack_of(first);
    v[i] = pack_of(second);
    w[i] = pack_of(value);
  }
}
