// dy value by value: for any width.
@group(0) @binding(3) var<storage, read> dy: array<f32>;   // [rows, dy_stride]

// Eight values from `at` on; zeros past the `left` ones of the row.
fn dy_run(at: u32, left: u32) -> array<vec4f, 2> {
  var run: array<vec4f, 2>;
  for (var i = 0u; i < 8u; i++) { // unroll
    if (i < left) { run[i / 4u][i % 4u] = dy[at + i]; }
  }
  return run;
}
