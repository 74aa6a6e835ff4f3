// As team.wgsl, where every lane is a team: a CPU driver pays more for a barrier than for a strided load.
fn team_sum(lane: u32, value: f32) -> f32 { return value; }
