// Eight float16 weights at a time; index i counts groups of eight along a row.
@group(0) @binding(2) var<storage, read> w: array<vec4u>;

fn w_run(i: u32) -> array<vec4f, PARTS> {
  let p = w[i];
  return array<vec4f, PARTS>(
    vec4f(unpack2x16float(p.x), unpack2x16float(p.y)),
    vec4f(unpack2x16float(p.z), unpack2x16float(p.w)),
  );
}
