// Groups the rows' choices by expert (a counting sort that keeps row order, so it is the same every
// time) and cuts each expert's list, its segment, into tiles of at most TM rows. One workgroup; each lane
// reads a stretch of the choices and owns experts lane, lane + LANES, ... So that 65535 rows of 9 choices
// stay below MOST_TURNS (launch.ts), no lane looks at all choices for each expert, and loops over them take
// several a turn.
var<workgroup> places: array<u32, EXPERTS * LANES>; // of each expert in each lane's stretch: how many, then where
var<workgroup> counts: array<u32, EXPERTS>;

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32) {
  let assignments = live[p.rows_at] * p.choices;
  let stretch = (assignments + LANES - 1u) / LANES;
  let first = min(lane * stretch, assignments);
  let end = min(first + stretch, assignments);
  let eights = first + (end - first) / 8u * 8u;
  for (var a = first; a < eights; a += 8u) {
    for (var i = 0u; i < 8u; i++) { // unroll
      count_choice(a + i, lane);
    }
  }
  for (var a = eights; a < end; a++) { count_choice(a, lane); }
  workgroupBarrier();
  for (var e = lane; e < EXPERTS; e += LANES) {
    var n = 0u;
    for (var other = 0u; other < LANES; other++) {
      let more = places[e * LANES + other];
      places[e * LANES + other] = n;
      n += more;
    }
    counts[e] = n;
  }
  workgroupBarrier();
  for (var e = lane; e < EXPERTS; e += LANES) {
    var start = 0u;
    var tile = 1u;
    for (var before = 0u; before < e; before++) {
      start += counts[before];
      tile += (counts[before] + TM - 1u) / TM;
    }
    let count = counts[e];
    segments[e] = vec2u(start, count);
    for (var other = 0u; other < LANES; other++) { places[e * LANES + other] += start; }
    for (var chunk = 0u; chunk < count; chunk += 4u * TM) {
      for (var i = 0u; i < 4u; i++) { // unroll
        let done = chunk + i * TM;
        if (done < count) {
          tiles[tile] = vec4u(e, start + done, min(TM, count - done), 0u);
          tile++;
        }
      }
    }
    if (e == EXPERTS - 1u) { tiles[0] = vec4u(tile - 1u, 0u, 0u, 0u); }
  }
  workgroupBarrier();
  for (var a = first; a < eights; a += 8u) {
    for (var i = 0u; i < 8u; i++) { // unroll
      place_choice(a + i, lane);
    }
  }
  for (var a = eights; a < end; a++) { place_choice(a, lane); }
}

fn count_choice(a: u32, lane: u32) { places[chosen[a] * LANES + lane]++; }

fn place_choice(a: u32, lane: u32) {
  let place = chosen[a] * LANES + lane;
  order[places[place]] = a;
  places[place]++;
}
