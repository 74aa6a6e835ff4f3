// Lanes of masked attention that walk their own spans, one by one, and read all rows themselves.
const SHARES = false;

fn meet(next: u32, item0: u32, last: u32, at: u32) -> u32 { return next; }

fn share(held: vec4f, t: u32) -> vec4f { return held; }

fn whole(lane: u32, part: array<f32, TURN>) -> array<f32, TURN> { return part; }
