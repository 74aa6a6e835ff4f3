// As shares.wgsl, where every lane is a team: a CPU driver pays for shuffles and barriers.
const SHARES = 1u;

fn sum_shares(lane: u32, value: vec4f) -> vec4f { return value; }
