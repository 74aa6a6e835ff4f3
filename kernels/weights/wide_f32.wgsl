// Eight float32 weights at a time; index i counts groups of eight along a row.
@group(0) @binding(2) var<storage, read> w: array<Pack>;

fn w_run(i: u32) -> array<vec4f, PARTS> { return fours(w[i]); }
