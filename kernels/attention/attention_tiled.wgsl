// As attention.wgsl, for GPUs. A workgroup takes QUERIES queries: HEADS query heads, which read one KV head,
// of ROWS rows, query q being head q % HEADS of row q / HEADS. It walks the keys, TILE = 4 KG at a time:
//
//   scores: lane = KG qg + kg sums queries QI qg .. and keys 4 kg .. over all channels. Queries and the tile's
//           keys lie in workgroup memory, four groups of four channels together.
//   weights: the KG lanes of a query, a team, tell each other their largest score; each weighs its four keys.
//   values: lane = CG pg + cg sums queries PI pg .. in channels 4 (cg + CG b) .. over the tile's keys in order.
//           Values come from the cache right into registers, VQ times four keys ahead; a row's lanes read it whole.
//           Then the next tile's keys take the place of these: other workgroups work while they are on their way.
//
// Every lane's arrays are a function's, with constant indices, so that they are registers; drivers may keep
// those of the module in memory. Workgroup arrays have constant indices last, so that one address serves many
// loads. Sums do not depend on the tile's size nor on other queries: rows of a tile that differ in sequence or
// in number of keys take a walk each, and what they share is what all see. With SPLIT a workgroup takes one
// span alone and leaves (acc, top, sum) for attention_join.wgsl; else `out` itself holds the sum of the spans
// so far.
struct Params { rows_at: u32, heads: u32, kv_heads: u32, stride: u32, spans: u32, scale: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(6) var<storage, read> qkv: array<vec4f>;          // [rows, stride, D4]
@group(0) @binding(7) var<storage, read_write> out: array<vec4f>;    // [rows, heads, D4]; SPLIT: [rows, heads, spans, D4 + 1]

const QUERIES = ROWS * HEADS;
const QG = LANES / KG;
const PG = LANES / CG;
const TILE = 4u * KG;
// One more than needed in a dimension moves neighbours to other banks.
var<workgroup> q_tile: array<array<vec4f, 4u * QI>, DQ * QG>;           // [channels / 16, qg][channel / 4 % 4, i]
var<workgroup> k_tile: array<array<Stored, 17>, DQ * KG>;               // [channels / 16, kg][key % 4, channel / 4 % 4]
var<workgroup> weights: array<array<vec4f, PI + 1u>, KG * (PG + 1u)>;   // [kg, pg][i]
var<workgroup> keeps: array<array<f32, PI>, PG>;                        // [pg][i]: what sums so far are worth
var<workgroup> joined: array<array<vec2f, QI>, QG>;                     // [qg][i]: (top, sum) of the spans so far

// What a lane does in the scores of queries, and in their values.
struct Place { lane: u32, qg: u32, kg: u32, pg: u32, cg: u32 }

// The queries of a workgroup: from row and query head; where a token's keys and values have their KV head.
struct Queries { row: u32, head: u32, kv_at: u32 }

// The walk: rows of `members` see `count` keys of `slot`.
struct Walk { slot: u32, count: u32, members: u32, span: u32, first: u32, end: u32 }

// The rows that share a walk: those of `lead`'s sequence that see as many keys.
fn members_of(row0: u32, live_rows: u32, lead: vec4u, pending: u32) -> u32 {
  var members = 0u;
  for (var r = 0u; r < ROWS; r++) { // unroll
    let other = rows[min(row0 + r, live_rows - 1u)];
    members |= select(0u, 1u << r, (other.x == lead.x) & (other.w == lead.w));
  }
  return members & pending;
}

fn load_queries(lane: u32, queries: Queries, live_rows: u32) {
  var q: array<vec4f, QL>;
  for (var t = 0u; t < QL; t++) { // unroll
    let e = min(lane + LANES * t, QUERIES * D4 - 1u);
    let row = min(queries.row + e / D4 / HEADS, live_rows - 1u);
    q[t] = qkv[(row * p.stride + queries.head + e / D4 % HEADS) * D4 + e % D4] * p.scale;
  }
  for (var t = 0u; t < QL; t++) { // unroll
    let e = lane + LANES * t;
    let query = e / D4;
    let c = e % D4;
    if (e < QUERIES * D4) { q_tile[c / 4u * QG + query / QI][c % 4u * QI + query % QI] = q[t]; }
  }
}

// Of a whole tile: what its unseen keys hold, NaN included, ends with their scores, which `seen` replaces.
fn load_keys(lane: u32, kv_at: u32, page_row: u32) {
  var k: array<Stored, KL>;
  for (var t = 0u; t < KL; t++) { // unroll
    let e = lane + LANES * t;
    k[t] = keys[(page_row + min(e / D4, TILE - 1u)) * p.kv_heads * D4 + kv_at + e % D4];
  }
  for (var t = 0u; t < KL; t++) { // unroll
    let e = lane + LANES * t;
    let key = e / D4;
    let c = e % D4;
    if (e < TILE * D4) { k_tile[c / 4u * KG + key / 4u][key % 4u * 4u + c % 4u] = k[t]; }
  }
}

// Of four keys. Weight zero would not hide what unseen ones hold: the last seen key stands in for them.
fn load_values(cg: u32, kv_at: u32, page_row: u32, quad: u32, last: u32) -> array<array<Stored, CB>, 4> {
  var v: array<array<Stored, CB>, 4>;
  for (var t = 0u; t < 4u; t++) { // unroll
    let at = (page_row + min(4u * quad + t, last)) * p.kv_heads * D4 + kv_at;
    for (var b = 0u; b < CB; b++) { // unroll
      v[t][b] = values[at + min(cg + CG * b, D4 - 1u)];
    }
  }
  return v;
}

// Of the lane's queries [i] with its four keys.
fn sum_scores(at: Place) -> array<vec4f, QI> {
  var score = array<vec4f, QI>();
  for (var c = 0u; c < DQ; c++) {
    let q_at = c * QG + at.qg;
    let k_at = c * KG + at.kg;
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
  return score;
}

// From scores to weights below the maximum so far; `sum` is of the lane's keys alone.
fn weigh(
  at: Place, score: array<vec4f, QI>, seen: vec4<bool>,
  top: ptr<function, array<f32, QI>>, sum: ptr<function, array<f32, QI>>,
) {
  var highest = vec4f(LOWEST);
  for (var i = 0u; i < QI; i++) { // unroll
    let s = select(vec4f(LOWEST), score[i], seen);
    highest[i] = max(max(s.x, s.y), max(s.z, s.w));
  }
  highest = max_shares(at.lane, highest);
  for (var i = 0u; i < QI; i++) { // unroll
    let best = max((*top)[i], highest[i]);
    let keep = exp((*top)[i] - best);
    let e = select(vec4f(), exp(score[i] - best), seen);
    (*top)[i] = best;
    (*sum)[i] = fma((*sum)[i], keep, (e.x + e.y) + (e.z + e.w));
    let query = at.qg * QI + i;
    weights[at.kg * (PG + 1u) + query / PI][query % PI] = e;
    if (at.kg == 0u) { keeps[query / PI][query % PI] = keep; }
  }
}

fn is_member(walk: Walk, query: u32) -> bool {
  return ((walk.members >> (query / HEADS)) & 1u) == 1u;
}

// Index of a query in [rows, heads].
fn query_at(queries: Queries, query: u32) -> u32 {
  return (queries.row + query / HEADS) * p.heads + queries.head + query % HEADS;
}

// Leaves the span that `key`'s tile ends for attention_join.wgsl.
fn leave_span(
  at: Place, queries: Queries, walk: Walk, key: u32, top: array<f32, QI>, sum: array<f32, QI>,
  acc: array<array<vec4f, CB>, PI>,
) {
  let span = key / walk.span;
  for (var i = 0u; i < QI; i++) { // unroll
    let query = at.qg * QI + i;
    let to = (query_at(queries, query) * p.spans + span) * (D4 + 1u);
    if ((at.kg == 0u) & is_member(walk, query)) { out[to + D4] = vec4f(top[i], sum[i], 0.0, 0.0); }
  }
  for (var i = 0u; i < PI; i++) { // unroll
    let query = at.pg * PI + i;
    let to = (query_at(queries, query) * p.spans + span) * (D4 + 1u);
    for (var b = 0u; b < CB; b++) { // unroll
      let channel = at.cg + CG * b;
      if (is_member(walk, query) & (channel < D4)) { out[to + channel] = acc[i][b]; }
    }
  }
}

// Joins the span that `key`'s tile ends to those before it.
fn join_span(
  at: Place, queries: Queries, walk: Walk, key: u32, top: array<f32, QI>, sum: array<f32, QI>,
  acc: array<array<vec4f, CB>, PI>,
) {
  let later = key >= walk.span;
  for (var i = 0u; i < QI; i++) { // unroll
    let query = at.qg * QI + i;
    if (at.kg == 0u) {
      let before = select(vec2f(LOWEST, 0.0), joined[at.qg][i], later);
      let join = join_spans(before.x, top[i]);
      let all = fma(sum[i], join.add, before.y * join.keep);
      joined[at.qg][i] = vec2f(join.top, all);
      weights[query / PI][query % PI] = vec4f(join.keep, join.add, all, 0.0);
    }
  }
  workgroupBarrier();
  let done = key + TILE >= walk.end;
  for (var i = 0u; i < PI; i++) { // unroll
    let query = at.pg * PI + i;
    let join = weights[at.pg][i];
    for (var b = 0u; b < CB; b++) { // unroll
      let channel = at.cg + CG * b;
      let to = query_at(queries, query) * D4 + channel;
      let kept = is_member(walk, query) & (channel < D4);
      var before: vec4f;
      if (later & kept) { before = out[to]; }
      var a = fma(acc[i][b], vec4f(join.y), before * join.x);
      if (done) { a /= join.z; }
      if (kept) { out[to] = a; }
    }
  }
}

fn take(at: Place, queries: Queries, walk: Walk) {
  var top: array<f32, QI>;
  var sum: array<f32, QI>;
  var acc: array<array<vec4f, CB>, PI>;
  var page_row = cache_row(walk.slot, walk.first);
  load_keys(at.lane, queries.kv_at, page_row);
  workgroupBarrier();
  for (var first = walk.first; first < walk.end; first += TILE) {
    let last = min(TILE, walk.count - first) - 1u;
    let next_page_row = cache_row(walk.slot, min(first + TILE, walk.count - 1u));
    var ahead: array<array<array<Stored, CB>, 4>, VQ>;
    for (var j = 0u; j < VQ; j++) { // unroll
      ahead[j] = load_values(at.cg, queries.kv_at, page_row, j, last);
    }
    if (first % walk.span == 0u) {
      for (var i = 0u; i < QI; i++) { // unroll
        top[i] = LOWEST;
        sum[i] = 0.0;
      }
      for (var i = 0u; i < PI; i++) { // unroll
        for (var b = 0u; b < CB; b++) { // unroll
          acc[i][b] = vec4f();
        }
      }
    }
    let seen = vec4u(4u * at.kg) + vec4u(0u, 1u, 2u, 3u) <= vec4u(last);
    weigh(at, sum_scores(at), seen, &top, &sum);
    workgroupBarrier();
    for (var i = 0u; i < PI; i++) { // unroll
      let keep = keeps[at.pg][i];
      for (var b = 0u; b < CB; b++) { // unroll
        acc[i][b] *= keep;
      }
    }
    for (var quad = 0u; quad < KG; quad += VQ) {
      for (var j = 0u; j < VQ; j++) { // unroll
        let packed = ahead[j];
        if (quad + j + VQ < KG) {
          ahead[j] = load_values(at.cg, queries.kv_at, page_row, quad + j + VQ, last);
        }
        var v: array<array<vec4f, CB>, 4>;
        for (var t = 0u; t < 4u; t++) { // unroll
          for (var b = 0u; b < CB; b++) { // unroll
            v[t][b] = unpack(packed[t][b]);
          }
        }
        for (var i = 0u; i < PI; i++) { // unroll
          let w = weights[(quad + j) * (PG + 1u) + at.pg][i];
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
    let more = first + TILE < walk.end;
    if (more) { load_keys(at.lane, queries.kv_at, next_page_row); }
    workgroupBarrier();
    if (!more || (first + TILE) % walk.span == 0u) {
      var totals: vec4f;
      for (var i = 0u; i < QI; i++) { // unroll
        totals[i] = sum[i];
      }
      totals = sum_shares(at.lane, totals);
      for (var i = 0u; i < QI; i++) { // unroll
        sum[i] = totals[i];
      }
      if (SPLIT) { leave_span(at, queries, walk, first, top, sum, acc); }
      else { join_span(at, queries, walk, first, top, sum, acc); }
      workgroupBarrier();
    }
    page_row = next_page_row;
  }
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let live_rows = live[p.rows_at];
  let row0 = group.y * ROWS;
  var lead = rows[row0]; // loaded here, not to wait for the other load
  if (row0 >= live_rows) { return; }
  let head0 = group.x * HEADS;
  let queries = Queries(row0, head0, head0 / (p.heads / p.kv_heads) * D4);
  let at = Place(lane, lane / KG, lane % KG, lane / CG, lane % CG);
  load_queries(lane, queries, live_rows);
  var pending = 0xffffffffu >> (32u - min(ROWS, live_rows - row0));
  loop {
    let members = members_of(row0, live_rows, lead, pending);
    pending &= ~members;
    let span = span_keys(lead.w);
    let first = select(0u, group.z * span, SPLIT);
    let end = select(lead.w, min(lead.w, first + span), SPLIT);
    if (first < end) { take(at, queries, Walk(lead.x, lead.w, members, span, first, end)); }
    if (pending == 0u) { break; }
    lead = rows[row0 + firstTrailingBit(pending)];
  }
}
