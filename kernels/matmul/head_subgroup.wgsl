// As head_memory.wgsl, the same bits, where a subgroup is the workgroup, of 8 lanes: the first lane's part is
// merged last with what the others have by then.
fn store_part(at: u32, column_lane: u32, part: vec4u) {
  let twos = merged(part, subgroupShuffleXor(part, 1u));
  let fours = merged(twos, subgroupShuffleXor(twos, 2u));
  let all = merged(fours, subgroupShuffleXor(fours, 4u));
  if (column_lane % COLUMN_LANES == 0u) { partials[at + column_lane / COLUMN_LANES] = all; }
}

fn finish_tile(tile: Tile, group: u32, lane: u32) {}
