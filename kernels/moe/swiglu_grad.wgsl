// Backward of y = silu(gate) up, of which each item counts routing times: with q = 1 / (1 + exp(-gate)),
//   dgate = routing dy up q (1 + gate (1 - q));  dup = routing dy gate q;  drouting = sum of y dy.
// A team of lanes per item, TURNS items in turn.
@group(0) @binding(3) var<storage, read> dy: array<vec4f>;         // [items, width4]
@group(0) @binding(4) var<storage, read_write> dx: array<Pack>;    // as x: dgate, dup, dgate, dup

fn take_item(item: u32, lane: u32) {
  let is_live = item < live[p.rows_at] * p.per_row;
  let width4 = select(0u, p.width4, is_live);
  let weight = routing_of(select(0u, item, is_live));
  var sum = vec4f();
  for (var i = lane % TEAM; i < width4; i += TEAM) {
    let at = item * p.width4 + i;
    let pairs = pairs_at(at);
    let d = dy[at];
    let q = 1.0 / (1.0 + exp(-pairs.gate));
    let silu = pairs.gate * q;
    sum = fma(silu * pairs.up, d, sum);
    let routed = d * weight;
    let dgate = routed * pairs.up * fma(silu, 1.0 - q, q);
    let dup = routed * silu;
    let turns = array<vec4f, 2>(
      vec4f(dgate.x, dup.x, dgate.y, dup.y),
      vec4f(dgate.z, dup.z, dgate.w, dup.w),
    );
    for (var r = 0u; r < PACKS; r++) { // unroll
      var pack: array<vec4f, FOURS>;
      for (var h = 0u; h < FOURS; h++) { // unroll
        pack[h] = turns[r * FOURS + h];
      }
      dx[PACKS * at + r] = pack_of(pack);
    }
  }
  finish_item(item, lane, is_live, (sum.x + sum.y) + (sum.z + sum.w));
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  for (var turn = 0u; turn < TURNS; turn++) {
    take_item((group.x * TURNS + turn) * (LANES / TEAM) + lane / TEAM, lane);
  }
}
