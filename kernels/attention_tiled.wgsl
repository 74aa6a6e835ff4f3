// As attention.wgsl, for GPUs. A workgroup takes QUERIES queries: HEADS query heads, which read one KV head,
// of ROWS rows, query q being head q % HEADS of row q / HEADS. It walks the keys, TILE = 4 KG at a time:
//
//   scores: lane = KG qg + kg sums queries QI qg .. and keys 4 kg .. over all channels. Queries and the tile's
//           keys lie in workgroup memory, four groups of four channels together; the next tile's keys are on
//           their way to registers meanwhile.
//   weights: the KG lanes of a query tell each other their largest score, and each weighs its four keys.
//   values: lane = CG pg + cg sums queries PI pg .. in channels 4 (cg + CG b) .. over the tile's keys in order.
//           Values come from the cache right into registers, VQ times four keys ahead; a row's lanes read it whole.
//
// Every lane's arrays have constant indices, so that they are registers, and workgroup arrays have them last,
// so that one address serves many loads. Sums do not depend on the tile's size nor on other queries: rows of
// a tile that differ in sequence or in number of keys take a walk each, and what they share is what all see.
// With SPLIT a workgroup takes one span alone and leaves (acc, top, sum) for attention_join.wgsl; else `out`
// itself holds the sum of the spans so far.
struct Params { rows_at: u32, heads: u32, kv_heads: u32, stride: u32, spans: u32, scale: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(6) var<storage, read> qkv: array<vec4f>;          // [rows, stride, D4]
@group(0) @binding(7) var<storage, read_write> out: array<vec4f>;    // [rows, heads, D4]; SPLIT: [rows, heads, spans, D4 + 1]

const LOWEST = -3.0e38;
const QUERIES = ROWS * HEADS;
const QG = LANES / KG;
const PG = LANES / CG;
const TILE = 4u * KG;
// One more than needed in a dimension moves neighbours to other banks.
var<workgroup> q_tile: array<array<vec4f, 4u * QI>, DQ * QG>;           // [channels / 16, qg][channel / 4 % 4, i]
var<workgroup> k_tile: array<array<Stored, 17>, DQ * KG>;               // [channels / 16, kg][key % 4, channel / 4 % 4]
var<workgroup> weights: array<array<vec4f, PI + 1u>, KG * (PG + 1u)>;   // [kg, pg][i]
var<workgroup> told: array<array<f32, KG>, QUERIES>;                  // [i, qg][kg]: largest scores, then sums
var<workgroup> keeps: array<array<f32, PI>, PG>;                        // [pg][i]: what sums so far are worth

// The walk: rows of `members` see `count` keys of `slot`.
struct Walk { slot: u32, count: u32, members: u32, span: u32, first: u32, end: u32 }

var<private> lane: u32;
var<private> first_row: u32;
var<private> head0: u32;
var<private> head_at: u32;                          // of the KV head in a token's keys and values
var<private> score: array<vec4f, QI>;               // [i]: four keys
var<private> top: array<f32, QI>;
var<private> sum: array<f32, QI>;                   // this lane's keys only, until the span's end
var<private> all_top: array<f32, QI>;
var<private> all_sum: array<f32, QI>;
var<private> acc: array<array<vec4f, CB>, PI>;
var<private> next_keys: array<Stored, KL>;
var<private> next_values: array<array<array<Stored, CB>, 4>, VQ>; // of the next VQ quads of keys

// The rows that share a walk: those of `lead`'s sequence that see as many keys. No private variable decides
// on barriers, since compilers that check them take it to differ between lanes.
fn members_of(row0: u32, lead: vec4u, pending: u32) -> u32 {
  var members = 0u;
  for (var r = 0u; r < ROWS; r++) { // unroll
    let other = rows[row0 + r];
    if (other.x == lead.x && other.w == lead.w) { members |= 1u << r; }
  }
  return members & pending;
}

fn load_queries(live_rows: u32) {
  var q: array<vec4f, QL>;
  for (var t = 0u; t < QL; t++) { // unroll
    let e = min(lane + LANES * t, QUERIES * D4 - 1u);
    let row = min(first_row + e / D4 / HEADS, live_rows - 1u);
    q[t] = qkv[(row * p.stride + head0 + e / D4 % HEADS) * D4 + e % D4] * p.scale;
  }
  for (var t = 0u; t < QL; t++) { // unroll
    let e = lane + LANES * t;
    let query = e / D4;
    let c = e % D4;
    if (e < QUERIES * D4) { q_tile[c / 4u * QG + query / QI][c % 4u * QI + query % QI] = q[t]; }
  }
}

// Of a whole tile: what its unseen keys hold, NaN included, ends with their scores, which `seen` replaces.
fn load_keys(page_row: u32) {
  for (var t = 0u; t < KL; t++) { // unroll
    let e = lane + LANES * t;
    next_keys[t] = keys[(page_row + min(e / D4, TILE - 1u)) * p.kv_heads * D4 + head_at + e % D4];
  }
}

fn keep_keys() {
  for (var t = 0u; t < KL; t++) { // unroll
    let e = lane + LANES * t;
    let key = e / D4;
    let c = e % D4;
    if (e < TILE * D4) { k_tile[c / 4u * KG + key / 4u][key % 4u * 4u + c % 4u] = next_keys[t]; }
  }
}

// Of four keys. Weight zero would not hide what unseen ones hold: the last seen key stands in for them.
fn values_of(quad: u32, page_row: u32, last: u32) -> array<array<Stored, CB>, 4> {
  var v: array<array<Stored, CB>, 4>;
  for (var t = 0u; t < 4u; t++) { // unroll
    let at = (page_row + min(4u * quad + t, last)) * p.kv_heads * D4 + head_at;
    for (var b = 0u; b < CB; b++) { // unroll
      v[t][b] = values[at + min(lane % CG + CG * b, D4 - 1u)];
    }
  }
  return v;
}

fn sum_scores(qg: u32, kg: u32) {
  for (var i = 0u; i < QI; i++) { // unroll
    score[i] = vec4f();
  }
  for (var c = 0u; c < DQ; c++) {
    let q_at = c * QG + qg;
    let k_at = c * KG + kg;
    for (var u = 0u; u < 4u; u++) { // unroll
      let k0 = unpack(k_tile[k_at][u]);
      let k1 = unpack(k_tile[k_at][4u + u]);
      let k2 = unpack(k_tile[k_at][8u + u]);
      let k3 = unpack(k_tile[k_at][12u + u]);
      for (var i = 0u; i < QI; i++) { // unroll
        let a = q_tile[q_at][u * QI + i];
        var s = score[i];
        s = fma(vec4f(a.x), vec4f(k0.x, k1.x, k2.x, k3.x), s);
        s = fma(vec4f(a.y), vec4f(k0.y, k1.y, k2.y, k3.y), s);
        s = fma(vec4f(a.z), vec4f(k0.z, k1.z, k2.z, k3.z), s);
        score[i] = fma(vec4f(a.w), vec4f(k0.w, k1.w, k2.w, k3.w), s);
      }
    }
  }
}

// From the lane's scores to its weights below the maximum so far.
fn weigh(qg: u32, kg: u32, seen: vec4<bool>) {
  for (var i = 0u; i < QI; i++) { // unroll
    var best = top[i];
    for (var k = 0u; k < KG; k++) { // unroll
      best = max(best, told[i * QG + qg][k]);
    }
    let keep = exp(top[i] - best);
    let e = select(vec4f(), exp(score[i] - best), seen);
    top[i] = best;
    sum[i] = fma(sum[i], keep, (e.x + e.y) + (e.z + e.w));
    let query = qg * QI + i;
    weights[kg * (PG + 1u) + query / PI][query % PI] = e;
    if (kg == 0u) { keeps[query / PI][query % PI] = keep; }
  }
}

fn add_values(page_row: u32, last: u32, pg: u32) {
  for (var i = 0u; i < PI; i++) { // unroll
    let keep = keeps[pg][i];
    for (var b = 0u; b < CB; b++) { // unroll
      acc[i][b] *= keep;
    }
  }
  for (var quad = 0u; quad < KG; quad += VQ) {
    for (var j = 0u; j < VQ; j++) { // unroll
      var v: array<array<vec4f, CB>, 4>;
      for (var t = 0u; t < 4u; t++) { // unroll
        for (var b = 0u; b < CB; b++) { // unroll
          v[t][b] = unpack(next_values[j][t][b]);
        }
      }
      if (quad + j + VQ < KG) { next_values[j] = values_of(quad + j + VQ, page_row, last); }
      for (var i = 0u; i < PI; i++) { // unroll
        let w = weights[(quad + j) * (PG + 1u) + pg][i];
        for (var b = 0u; b < CB; b++) { // unroll
          var a = acc[i][b];
          a = fma(v[0][b], vec4f(w.x), a);
          a = fma(v[1][b], vec4f(w.y), a);
          a = fma(v[2][b], vec4f(w.z), a);
          acc[i][b] = fma(v[3][b], vec4f(w.w), a);
        }
      }
    }
  }
}

fn is_member(walk: Walk, query: u32) -> bool {
  return ((walk.members >> (query / HEADS)) & 1u) == 1u;
}

// Index of a query in [rows, heads].
fn query_at(query: u32) -> u32 {
  return (first_row + query / HEADS) * p.heads + head0 + query % HEADS;
}

// Writes the span's sums (SPLIT) or joins them to those of the spans before.
fn end_span(walk: Walk, key: u32) {
  let kg = lane % KG;
  let qg = lane / KG;
  let cg = lane % CG;
  let pg = lane / CG;
  let span = key / walk.span;
  for (var i = 0u; i < QI; i++) { // unroll
    told[i * QG + qg][kg] = sum[i];
  }
  workgroupBarrier();
  for (var i = 0u; i < QI; i++) { // unroll
    let query = qg * QI + i;
    var total = 0.0;
    for (var k = 0u; k < KG; k++) { // unroll
      total += told[i * QG + qg][k];
    }
    if (SPLIT) {
      let to = (query_at(query) * p.spans + span) * (D4 + 1u);
      if (kg == 0u && is_member(walk, query)) { out[to + D4] = vec4f(top[i], total, 0.0, 0.0); }
    } else {
      let join = join_spans(all_top[i], top[i]);
      all_top[i] = join.top;
      all_sum[i] = fma(total, join.add, all_sum[i] * join.keep);
      if (kg == 0u) { weights[query / PI][query % PI] = vec4f(join.keep, join.add, all_sum[i], 0.0); }
    }
    top[i] = LOWEST;
    sum[i] = 0.0;
  }
  if (SPLIT) {
    for (var i = 0u; i < PI; i++) { // unroll
      let query = pg * PI + i;
      let to = (query_at(query) * p.spans + span) * (D4 + 1u);
      for (var b = 0u; b < CB; b++) { // unroll
        let channel = cg + CG * b;
        if (is_member(walk, query) && channel < D4) { out[to + channel] = acc[i][b]; }
      }
    }
    return;
  }
  workgroupBarrier();
  var before: array<array<vec4f, CB>, PI>;
  if (span > 0u) {
    for (var i = 0u; i < PI; i++) { // unroll
      for (var b = 0u; b < CB; b++) { // unroll
        before[i][b] = out[query_at(pg * PI + i) * D4 + min(cg + CG * b, D4 - 1u)];
      }
    }
  }
  let done = key + TILE >= walk.end;
  for (var i = 0u; i < PI; i++) { // unroll
    let query = pg * PI + i;
    let join = weights[pg][i];
    for (var b = 0u; b < CB; b++) { // unroll
      let channel = cg + CG * b;
      var a = fma(acc[i][b], vec4f(join.y), before[i][b] * join.x);
      if (done) { a /= join.z; }
      if (is_member(walk, query) && channel < D4) { out[query_at(query) * D4 + channel] = a; }
      acc[i][b] = vec4f();
    }
  }
}

fn take(walk: Walk) {
  let kg = lane % KG;
  let qg = lane / KG;
  for (var i = 0u; i < QI; i++) { // unroll
    top[i] = LOWEST;
    sum[i] = 0.0;
    all_top[i] = LOWEST;
    all_sum[i] = 0.0;
  }
  for (var i = 0u; i < PI; i++) { // unroll
    for (var b = 0u; b < CB; b++) { // unroll
      acc[i][b] = vec4f();
    }
  }
  var page_row = cache_row(walk.slot, walk.first);
  var next_page_row = cache_row(walk.slot, min(walk.first + TILE, walk.count - 1u));
  load_keys(page_row);
  keep_keys();
  workgroupBarrier();
  for (var first = walk.first; first < walk.end; first += TILE) {
    let last = min(TILE, walk.count - first) - 1u;
    let more = first + TILE < walk.end;
    let later_page_row = cache_row(walk.slot, min(first + 2u * TILE, walk.count - 1u));
    if (more) { load_keys(next_page_row); }
    for (var j = 0u; j < VQ; j++) { // unroll
      next_values[j] = values_of(j, page_row, last);
    }
    sum_scores(qg, kg);
    let seen = vec4u(4u * kg) + vec4u(0u, 1u, 2u, 3u) <= vec4u(last);
    for (var i = 0u; i < QI; i++) { // unroll
      let s = select(vec4f(LOWEST), score[i], seen);
      told[i * QG + qg][kg] = max(max(s.x, s.y), max(s.z, s.w));
    }
    workgroupBarrier();
    if (more) { keep_keys(); }
    weigh(qg, kg, seen);
    workgroupBarrier();
    add_values(page_row, last, lane / CG);
    if (!more || (first + TILE) % walk.span == 0u) { end_span(walk, first); }
    page_row = next_page_row;
    next_page_row = later_page_row;
  }
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let live_rows = live[p.rows_at];
  let row0 = group.y * ROWS;
  var lead = rows[row0]; // loaded here, not to wait for the other load
  if (row0 >= live_rows) { return; }
  lane = index;
  first_row = row0;
  head0 = group.x * HEADS;
  head_at = head0 / (p.heads / p.kv_heads) * D4;
  load_queries(live_rows);
  var pending = 0xffffffffu >> (32u - min(ROWS, live_rows - row0));
  loop {
    let members = members_of(row0, lead, pending);
    pending &= ~members;
    let span = span_keys(lead.w);
    let first = select(0u, group.z * span, SPLIT);
    let end = select(lead.w, min(lead.w, first + span), SPLIT);
    if (first < end) {
      take(Walk(lead.x, lead.w, members, span, first, end));
      workgroupBarrier();
    }
    if (pending == 0u) { break; }
    lead = rows[row0 + firstTrailingBit(pending)];
  }
}
