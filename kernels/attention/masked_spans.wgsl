// Rows of a pass that an item of it (a row, or a row as a key) meets: PAIRS pairs of spans [first, end),
// (0, 0) where empty. They are walked in chunks of STEP rows that start at multiples of STEP, so what an
// item adds up, and in which order, never depends on the items beside it.
@group(0) @binding(1) var<storage, read> live: array<u32>;
@group(0) @binding(2) var<storage, read> spans: array<vec4u>;    // [items, PAIRS]
const NONE = 0xffffffffu;

struct Spans { first: vec4u, end: vec4u }

fn load_spans(item: u32) -> Spans {
  let a = spans[item * PAIRS];
  if (PAIRS == 1u) { return Spans(vec4u(a.x, a.z, 0u, 0u), vec4u(a.y, a.w, 0u, 0u)); }
  let b = spans[item * PAIRS + 1u];
  return Spans(vec4u(a.x, a.z, b.x, b.z), vec4u(a.y, a.w, b.y, b.w));
}

// The first row from `at` on in any of the spans, NONE after the last.
fn next_met(s: Spans, at: u32) -> u32 {
  let next = select(vec4u(NONE), max(s.first, vec4u(at)), vec4u(at) < s.end);
  return min(min(next.x, next.y), min(next.z, next.w));
}

// Bit t tells whether row `chunk` + t is in any of the spans.
fn met(s: Spans, chunk: u32) -> u32 {
  let first = min(max(s.first, vec4u(chunk)) - chunk, vec4u(STEP));
  let end = min(max(s.end, vec4u(chunk)) - chunk, vec4u(STEP));
  let bits = (vec4u(1u) << end) - (vec4u(1u) << first);
  return (bits.x | bits.y) | (bits.z | bits.w);
}
