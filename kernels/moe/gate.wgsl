// What the gate reads and leaves, however it runs: route.wgsl, route_shared.wgsl.
struct Params { rows_at: u32, top_groups: u32, shared_experts: u32, normalize: u32, scaling: f32, block: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> live: array<u32>;
@group(0) @binding(2) var<storage, read> logits: array<f32>;           // [rows, EXPERTS]
@group(0) @binding(3) var<storage, read> bias: array<f32>;             // [blocks, EXPERTS]
@group(0) @binding(4) var<storage, read_write> chosen: array<u32>;     // [rows, TOP_K + shared] expert
@group(0) @binding(5) var<storage, read_write> routing: array<f32>;    // [rows, TOP_K + shared] weight
