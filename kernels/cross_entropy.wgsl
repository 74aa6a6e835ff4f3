// Of each row of logits z with label y: l = ln sum_j exp(z_j); cross-entropy l - z_y; entropy of the
// softmax l - sum_j p_j z_j (nats); z_y, from which the gradient counts; and the id of the largest z, the
// lowest of equal ones.
// One pass over a row: each lane keeps its largest z so far as `peak`, and the sums of exp(z - peak) and
// exp(z - peak) (z - peak), which are rescaled when the peak rises. Lanes then join in a fixed order.
struct Params { vocab: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> live: array<u32>;
@group(0) @binding(3) var<storage, read> labels: array<u32>;          // [rows]
@group(0) @binding(4) var<storage, read_write> stats: array<vec4u>;   // [rows] bits of three f32, then the id

const LOWEST = -3.0e38;   // where there is no logit
const FLOOR = -1.0e30;    // lower than any logit
const NONE = 0xffffffffu;

struct Seen { peak: f32, id: u32, sum: f32, weighted: f32 }
var<workgroup> seen: array<Seen, LANES>;

fn raised(a: Seen, peak: f32) -> Seen {
  let less = a.peak - peak;
  let shrink = exp(less);
  return Seen(peak, a.id, a.sum * shrink, fma(a.sum, less, a.weighted) * shrink);
}

fn joined(a: Seen, b: Seen) -> Seen {
  let peak = max(a.peak, b.peak);
  let c = raised(a, peak);
  let d = raised(b, peak);
  let id = min(select(NONE, a.id, a.peak == peak), select(NONE, b.id, b.peak == peak));
  return Seen(peak, id, c.sum + d.sum, c.weighted + d.weighted);
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x;
  if (row >= live[1]) { return; }
  var mine = Seen(FLOOR, NONE, 0.0, 0.0);
  for (var start = lane; start * 4u < p.vocab; start += LANES * RUN) {
    var z: array<vec4f, RUN>;
    var high = vec4f(FLOOR);
    for (var r = 0u; r < RUN; r++) { // unroll
      z[r] = load_four(row, start + r * LANES);
      high = max(high, z[r]);
    }
    let top = max(max(high.x, high.y), max(high.z, high.w));
    if (top > mine.peak) {
      mine = raised(mine, top);
      var ids = vec4u(NONE);
      for (var r = 0u; r < RUN; r++) { // unroll
        let id = vec4u(0u, 1u, 2u, 3u) + (start + r * LANES) * 4u;
        ids = min(ids, select(vec4u(NONE), id, z[r] == vec4f(top)));
      }
      mine.id = min(min(ids.x, ids.y), min(ids.z, ids.w));
    }
    var sums = vec4f();
    var weighted = vec4f();
    for (var r = 0u; r < RUN; r++) { // unroll
      let less = z[r] - mine.peak;
      let e = exp(less);
      sums += e;
      weighted = fma(e, less, weighted);
    }
    mine.sum += (sums.x + sums.y) + (sums.z + sums.w);
    mine.weighted += (weighted.x + weighted.y) + (weighted.z + weighted.w);
  }
  seen[lane] = mine;
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { seen[lane] = joined(seen[lane], seen[lane + half]); }
  }
  if (lane > 0u) { return; }
  let all = seen[0];
  let log_sum = log(all.sum);
  let of_label = load_one(row, labels[row]);
  stats[row] = vec4u(
    bitcast<u32>(log_sum - (of_label - all.peak)),
    bitcast<u32>(log_sum - all.weighted / all.sum),
    bitcast<u32>(of_label),
    min(all.id, p.vocab - 1u),  // nothing is largest where all is NaN
  );
}
