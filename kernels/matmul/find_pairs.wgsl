// Tiles for kernels/matmul/rows_pairs.wgsl, found in the choices themselves: a few rows' are looked through by every
// workgroup sooner than a dispatch before them ends (kernels/moe/group_shared.wgsl). The tiles are those that lists would
// have, in another order. Workgroups of the first columns leave them for the next matmul.
@group(0) @binding(1) var<storage, read> chosen: array<vec4u>;         // [rows, CHOICES] expert
@group(0) @binding(8) var<storage, read_write> pairs: array<vec4u>;    // [rows, CHOICES] (expert, first, count, second or first)
var<workgroup> before: atomic<u32>;   // of the same expert: how many before
var<workgroup> behind: atomic<u32>;   // and ~ of the next one, 0 where there is none
var<workgroup> found: vec2u;          // both

fn tile_here(index: u32, column: u32, lane: u32) -> Tile {
  let own = chosen[index / 4u][index % 4u]; // of any value where it is no assignment: both loads are under way at once
  let assignments = live[p.rows_at] * CHOICES;
  if (index >= assignments) { return Tile(0u, 0u, 0u, 0u); }
  for (var q = lane; 4u * q < assignments; q += LANES) {
    let e = chosen[q];
    if (any(e == vec4u(own))) {
      for (var i = 0u; i < 4u; i++) { // unroll
        let a = 4u * q + i;
        if ((e[i] == own) & (a < index)) { atomicAdd(&before, 1u); }
        if ((e[i] == own) & (a > index) & (a < assignments)) { atomicMax(&behind, ~a); }
      }
    }
  }
  workgroupBarrier();
  if (lane == 0u) { found = vec2u(atomicLoad(&before), ~atomicLoad(&behind)); }
  let others = workgroupUniformLoad(&found);
  let alone = others.y == 0xffffffffu;
  let count = select(select(2u, 1u, alone), 0u, others.x % 2u == 1u);
  let pair = vec4u(own, index, count, select(others.y, index, alone));
  if (column == 0u && lane == 0u) { pairs[index] = pair; }
  return tile_of_pair(pair);
}
