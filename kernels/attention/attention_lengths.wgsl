// Keys of a span of a row that sees `count`: SPAN, doubled until MOST_SPANS of them are enough.
fn span_keys(count: u32) -> u32 {
  let times = (count + SPAN * MOST_SPANS - 1u) / (SPAN * MOST_SPANS);
  return SPAN << (32u - countLeadingZeros(times - 1u));
}
