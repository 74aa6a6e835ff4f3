// As attention.wgsl, for a CPU driver whose subgroup is the workgroup. A workgroup takes LANES rows of one
// head through LANES keys at a time. Scores: a lane per key, rows' queries broadcast; values: a lane per
// four channels, weights broadcast. So a key's and a value's row are loaded once for LANES rows, not once
// a row's lane, and a load is what costs there. Rows of several sequences take a turn each; where their keys
// are so many that a workgroup would turn too often (MOST_TURNS), workgroups share these turns. A row's sums
// run over its own keys in order, in lanes and then across them, so they never depend on other rows: keys
// that only others see weigh zero.
struct Params { rows_at: u32, heads: u32, kv_heads: u32, stride: u32, scale: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(6) var<storage, read> qkv: array<vec4f>;          // [rows, stride, D4]
@group(0) @binding(7) var<storage, read_write> out: array<vec4f>;    // [rows, heads, D4]

const NONE = 0xffffffffu;
const LOWEST = -3.0e38;

fn highest(lane: u32, mine: f32) -> f32 {
  var top = mine;
  top = max(top, subgroupShuffle(top, lane ^ 1u));
  top = max(top, subgroupShuffle(top, lane ^ 2u));
  return max(top, subgroupShuffle(top, lane ^ 4u));
}

fn total(lane: u32, mine: f32) -> f32 {
  var sum = mine;
  sum += subgroupShuffle(sum, lane ^ 1u);
  sum += subgroupShuffle(sum, lane ^ 2u);
  return sum + subgroupShuffle(sum, lane ^ 4u);
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let head = group.x;
  let row0 = group.y * LANES;
  let live_rows = live[p.rows_at];
  if (row0 >= live_rows) { return; }
  let row_count = min(LANES, live_rows - row0);
  let my_row = row0 + min(lane, row_count - 1u);
  let my_slot = rows[my_row].x;
  let my_count = rows[my_row].w;
  let kv_head = head / (p.heads / p.kv_heads);
  let step = p.kv_heads * D4;
  var q: array<vec4f, D4>; // of the lane's row
  for (var i = 0u; i < D4; i++) { // unroll
    q[i] = qkv[(my_row * p.stride + head) * D4 + i] * p.scale;
  }

  var pending = lane < row_count;
  var sequence = 0u;
  while (subgroupAny(pending)) {
    let slot = subgroupMin(select(NONE, my_slot, pending));
    let mine = pending && my_slot == slot;
    pending = pending && !mine;
    let my_keys = select(0u, my_count, mine && sequence % groups.z == group.z);
    sequence++;
    let keys_end = subgroupMax(my_keys);
    var acc = array<array<vec4f, DL>, LANES>(); // [row]: channels 4 (lane + LANES j) ..
    var top: array<f32, LANES>;
    var sum = array<f32, LANES>(); // this lane's keys only, until the end
    for (var r = 0u; r < LANES; r++) { // unroll
      top[r] = LOWEST;
    }
    for (var first = 0u; first < keys_end; first += LANES) {
      let key = first + lane;
      let key_at = (cache_row(slot, min(key, keys_end - 1u)) * p.kv_heads + kv_head) * D4;
      var score = array<f32, LANES>();
      for (var i = 0u; i < D4; i++) { // unroll
        let k = load_k(key_at + i);
        for (var r = 0u; r < LANES; r++) { // unroll
          let a = subgroupBroadcast(q[i], r);
          score[r] = fma(a.w, k.w, fma(a.z, k.z, fma(a.y, k.y, fma(a.x, k.x, score[r]))));
        }
      }
      var weight: array<f32, LANES>;
      for (var r = 0u; r < LANES; r++) { // unroll
        let seen = key < subgroupBroadcast(my_keys, r);
        let best = max(top[r], highest(lane, select(LOWEST, score[r], seen)));
        let keep = exp(top[r] - best);
        top[r] = best;
        // Positions no row sees may hold anything, NaN included.
        weight[r] = select(0.0, exp(score[r] - best), seen);
        sum[r] = sum[r] * keep + weight[r];
        for (var j = 0u; j < DL; j++) { // unroll
          acc[r][j] *= keep;
        }
      }
      let value_at = (cache_row(slot, first) * p.kv_heads + kv_head) * D4;
      let left = keys_end - first;
      for (var t = 0u; t < LANES; t++) { // unroll
        for (var j = 0u; j < DL; j++) { // unroll
          let channel = min(lane + LANES * j, D4 - 1u);
          let v = select(vec4f(), load_v(value_at + min(t, left - 1u) * step + channel), t < left);
          for (var r = 0u; r < LANES; r++) { // unroll
            let w = subgroupBroadcast(weight[r], t);
            acc[r][j] = fma(vec4f(w), v, acc[r][j]);
          }
        }
      }
    }
    for (var r = 0u; r < LANES; r++) { // unroll
      let all = total(lane, sum[r]);
      if (subgroupBroadcast(my_keys, r) > 0u) {
        for (var j = 0u; j < DL; j++) { // unroll
          let channel = lane + LANES * j;
          if (channel < D4) { out[((row0 + r) * p.heads + head) * D4 + channel] = acc[r][j] / all; }
        }
      }
    }
  }
}
