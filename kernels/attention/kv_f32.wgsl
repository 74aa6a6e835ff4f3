// Keys and values as float32; index i counts groups of four channels.
@group(0) @binding(4) var<storage, read_write> keys: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> values: array<vec4f>;

alias Stored = vec4f;

fn unpack(p: Stored) -> vec4f { return p; }
fn load_k(i: u32) -> vec4f { return keys[i]; }
fn load_v(i: u32) -> vec4f { return values[i]; }
fn store_k(i: u32, k: vec4f) { keys[i] = k; }
fn store_v(i: u32, v: vec4f) { values[i] = v; }
