// Backward of the gate's weights, r_n = scaling s_n / (S + 1e-20) with s_n the sigmoid of the n-th chosen
// logit and S their sum (r_n = scaling s_n where weights are not normalized):
//   ds_n = scaling (dr_n - sum_m dr_m s_m / (S + 1e-20)) / (S + 1e-20);  dlogit = ds s (1 - s).
// What was chosen is taken as given; logits that were not get 0. A team of lanes per row shares its
// experts, and each lane computes the few chosen ones itself.
struct Params { rows_at: u32, experts: u32, choices: u32, normalize: u32, scaling: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> live: array<u32>;
@group(0) @binding(2) var<storage, read> logits: array<f32>;           // [rows, experts]
@group(0) @binding(3) var<storage, read> chosen: array<u32>;           // [rows, choices] expert; TOP_K, then shared ones
@group(0) @binding(4) var<storage, read> drouting: array<f32>;         // [rows, choices]
@group(0) @binding(5) var<storage, read_write> dlogits: array<f32>;    // [rows, experts]

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let row = id.x / TEAM;
  if (row >= live[p.rows_at]) { return; }
  var expert: array<u32, TOP_K>;
  var s: array<f32, TOP_K>;
  var d: array<f32, TOP_K>;
  var sum = 1e-20;
  var pulled = 0.0;
  for (var n = 0u; n < TOP_K; n++) { // unroll
    expert[n] = chosen[row * p.choices + n];
    d[n] = drouting[row * p.choices + n];
    s[n] = 1.0 / (1.0 + exp(-logits[row * p.experts + expert[n]]));
    sum += s[n];
    pulled = fma(d[n], s[n], pulled);
  }
  let normal = p.normalize == 1u && TOP_K > 1u;
  let shared_pull = select(0.0, pulled / sum, normal);
  let scale = select(p.scaling, p.scaling / sum, normal);
  for (var n = 0u; n < TOP_K; n++) { // unroll
    d[n] = (d[n] - shared_pull) * scale * s[n] * (1.0 - s[n]);
  }
  for (var e = id.x % TEAM; e < p.experts; e += TEAM) {
    var change = 0.0;
    for (var n = 0u; n < TOP_K; n++) { // unroll
      if (expert[n] == e) { change = d[n]; }
    }
    dlogits[row * p.experts + e] = change;
  }
}
