// Heads of qk_norm_rope.wgsl in training: q, k and v of a row stay together, beside what they came from.
@group(0) @binding(1) var<storage, read> live: array<u32>;
@group(0) @binding(2) var<storage, read> rows: array<vec4u>;           // [rows] (row, position, token, 0)
@group(0) @binding(3) var<storage, read_write> turned: array<vec4f>;   // as qkv

fn head_base(row: u32, where_: vec4u) -> u32 { return 0u; }

fn head_at(base: u32, first: u32, head: u32) -> u32 { return first + head; }

fn store_turned(is_key: bool, i: u32, x: vec4f) { turned[i] = x; }

fn store_v(i: u32, v: vec4f) { turned[i] = v; }
