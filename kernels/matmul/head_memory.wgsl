// Parts of a head's lanes meet in workgroup memory.
var<workgroup> lane_parts: array<vec4u, TM * COLUMN_LANES>;

fn store_part(at: u32, column_lane: u32, part: vec4u) {
  lane_parts[at / p.y_stride % TM * COLUMN_LANES + column_lane % COLUMN_LANES] = part;
}

// Merges the lanes' parts of each row, pairs of neighbours first, so that many lanes share the work. The lane
// that merges a row's last pair stores it.
fn finish_tile(tile: Tile, group: u32, lane: u32) {
  for (var apart = 1u; apart < COLUMN_LANES; apart *= 2u) {
    workgroupBarrier();
    for (var at = 2u * apart * lane; at < TM * COLUMN_LANES; at += 2u * apart * LANES) {
      lane_parts[at] = merged(lane_parts[at], lane_parts[at + apart]);
    }
  }
  for (var r = lane; r < tile.count; r += LANES) {
    partials[(tile.start + r) * p.y_stride + p.y_start + group] = lane_parts[r * COLUMN_LANES];
  }
}
