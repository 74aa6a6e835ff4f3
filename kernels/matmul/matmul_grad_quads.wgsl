// dy by fours: where all rows and starts divide by 4.
@group(0) @binding(3) var<storage, read> dy: array<vec4f>;   // [rows, dy_stride / 4]

// Eight values from `at` on; zeros past the `left` ones of the row.
fn dy_run(at: u32, left: u32) -> array<vec4f, 2> {
  var run = array<vec4f, 2>(dy[at / 4u], vec4f());
  if (left > 4u) { run[1] = dy[at / 4u + 1u]; }
  return run;
}
