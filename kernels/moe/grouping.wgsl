// What the grouping reads and leaves, however it runs: group.wgsl, group_shared.wgsl.
struct Params { rows_at: u32, choices: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> live: array<u32>;
@group(0) @binding(2) var<storage, read> chosen: array<u32>;           // [rows, choices] expert
@group(0) @binding(3) var<storage, read_write> order: array<u32>;      // [rows * choices] assignments by expert
@group(0) @binding(4) var<storage, read_write> tiles: array<vec4u>;    // [1 + most tiles] (expert, start, count, 0)
@group(0) @binding(5) var<storage, read_write> segments: array<vec2u>; // [EXPERTS] (start in order, count)
