// dy value by value and w by four channels: for any width of dy, on any device.
@group(0) @binding(3) var<storage, read> dy: array<f32>;   // [rows, dy_stride]

fn w_run(i: u32) -> array<vec4f, PARTS> { return array<vec4f, PARTS>(load_w(i)); }

// Eight values from `at` on; zeros past the `left` ones of the row.
fn dy_run(at: u32, left: u32) -> array<vec4f, 2> {
  var run: array<vec4f, 2>;
  for (var i = 0u; i < 8u; i++) { // unroll
    if (i < left) { run[i / 4u][i % 4u] = dy[at + i]; }
  }
  return run;
}
