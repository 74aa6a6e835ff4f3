// Four channels of x at a time.
@group(0) @binding(3) var<storage, read> x: array<vec4f>;       // [rows, k_runs]
