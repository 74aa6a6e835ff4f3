// The columns of a lane, four at a time: on any device.
fn w_run(i: u32) -> array<vec4f, PARTS> {
  var run: array<vec4f, PARTS>;
  for (var h = 0u; h < PARTS; h++) { // unroll
    run[h] = load_w(PARTS * i + h);
  }
  return run;
}
