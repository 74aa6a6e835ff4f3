// Lanes of masked attention on a CPU driver whose subgroup is the workgroup and as wide as a chunk: each
// lane loads one row of the chunk and the others hear of it, since a load is what costs there.
const SHARES = true;

fn meet(next: u32, item0: u32, last: u32, at: u32) -> u32 { return subgroupMin(next); }

// Loops over t are unrolled, so that compilers know the lanes: else each is a loop over them.
fn share(held: vec4f, t: u32) -> vec4f {
  return subgroupShuffle(held, t);
}

fn whole(lane: u32, part: array<f32, TURN>) -> array<f32, TURN> { return part; }
