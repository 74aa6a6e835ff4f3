// Keys are taken in spans: each is weighed on its own, and spans are joined in order. So a row's bits are
// the same whether one workgroup walks all spans or each span has its own.
const LOWEST = -3.0e38; // below every score

struct Join { top: f32, keep: f32, add: f32 }

// What the sums so far and those of the next span are worth below their common maximum.
fn join_spans(top: f32, next: f32) -> Join {
  let best = max(top, next);
  return Join(best, exp(top - best), exp(next - best));
}
