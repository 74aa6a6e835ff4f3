// Keys and values as float16, two to a word; index i counts groups of four channels.
@group(0) @binding(4) var<storage, read_write> keys: array<vec2u>;
@group(0) @binding(5) var<storage, read_write> values: array<vec2u>;

alias Stored = vec2u;

fn unpack(p: Stored) -> vec4f { return vec4f(unpack2x16float(p.x), unpack2x16float(p.y)); }
fn pack(v: vec4f) -> vec2u { return vec2u(pack2x16float(v.xy), pack2x16float(v.zw)); }
fn load_k(i: u32) -> vec4f { return unpack(keys[i]); }
fn load_v(i: u32) -> vec4f { return unpack(values[i]); }
fn store_k(i: u32, k: vec4f) { keys[i] = pack(k); }
fn store_v(i: u32, v: vec4f) { values[i] = pack(v); }
