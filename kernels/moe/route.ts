/** The MoE gate: which experts a row goes to, and with what weight. */
import buffers from "./gate.wgsl" with { type: "text" };
import alone from "./route.wgsl" with { type: "text" };
import shared from "./route_shared.wgsl" with { type: "text" };
import { CPU_LANES, type Dispatch, type Launcher, type WgslFile } from "../launch.ts";
import { type KernelSpec, liveRows, uniform } from "../spec.ts";

const BUFFERS: WgslFile = { name: "kernels/moe/gate.wgsl", text: buffers };
const ALONE: WgslFile = { name: "kernels/moe/route.wgsl", text: alone };
const SHARED: WgslFile = { name: "kernels/moe/route_shared.wgsl", text: shared };

/** The gate's sizes and rules (spec/model.md section 3.5). */
export interface GateShape {
  readonly experts: number;
  readonly groups: number;
  readonly topGroups: number;
  readonly topK: number;
  readonly sharedExperts: number;
  readonly normalize: boolean;
  readonly scaling: number;
  /** Rows that share a bias, which leaves them the experts of their pool (pool.ts); all rows where absent. */
  readonly blockRows?: number;
}

/** More rows than a pass has. */
const ALL_ROWS = 2 ** 32 - 1;

/** The bias of an expert that no row of a block chooses (route.wgsl, pool.wgsl). */
export const EXCLUDED = Math.fround(-3e38);

/** Prepares sigmoid, group-limited top-k and normalized weights from router logits. */
export async function routeKernel(
  launcher: Launcher,
  options: GateShape & {
    readonly label: string;
    readonly live: GPUBuffer;
    /** [rows, experts] */
    readonly logits: GPUBuffer;
    /** [blocks, experts] */
    readonly bias: GPUBuffer;
    /** [rows, topK + sharedExperts] expert of each choice, by falling selection score. */
    readonly chosen: GPUBuffer;
    /** [rows, topK + sharedExperts] its weight. */
    readonly routing: GPUBuffer;
  },
): Promise<Dispatch[]> {
  const { label, live, logits, bias, chosen, routing, experts, groups, topK } = options;
  const gpu = launcher.target === "gpu";
  const perGroup = experts / groups;
  return [
    await launcher.prepare({
      label,
      files: [BUFFERS, gpu ? SHARED : ALONE],
      constants: {
        LANES: gpu ? Math.min(256, Math.max(32, 2 ** Math.ceil(Math.log2(experts)))) : CPU_LANES,
        EXPERTS: experts,
        GROUPS: groups,
        PER_GROUP: perGroup,
        STRIDE: largestDivisor(perGroup, MOST_COPIES),
        LIST: Math.min(perGroup, Math.max(2, topK)),
        TOP_K: topK,
      },
      params: {
        rows_at: 0,
        top_groups: options.topGroups,
        shared_experts: options.sharedExperts,
        normalize: options.normalize ? 1 : 0,
        scaling: options.scaling,
        block: options.blockRows ?? ALL_ROWS,
      },
      bindings: [live, logits, bias, chosen, routing],
      groups: (rows) => [gpu ? rows : Math.ceil(rows / CPU_LANES)],
    }),
  ];
}

/** Comparisons of an expert with others that are unrolled; more only take longer to compile. */
const MOST_COPIES = 32;

/** The largest divisor of `n` up to `most`. */
function largestDivisor(n: number, most: number): number {
  let divisor = Math.min(n, most);
  while (n % divisor !== 0) divisor--;
  return divisor;
}

/** Sizes of a gate, and the rows that go through it. */
export type RouteShape = {
  rows: number;
  experts: number;
  groups: number;
  topGroups: number;
  topK: number;
  shared: number;
};

/** Factor of the routed weights in the specs. */
export const SCALING = 2.5;

/** Gates of the specs: the least one, odd ones, and the published models'. */
export const GATES: readonly RouteShape[] = [
  { rows: 1, experts: 1, groups: 1, topGroups: 1, topK: 1, shared: 0 },
  { rows: 7, experts: 8, groups: 4, topGroups: 2, topK: 2, shared: 1 },
  { rows: 33, experts: 16, groups: 4, topGroups: 2, topK: 4, shared: 1 },
  { rows: 9, experts: 256, groups: 8, topGroups: 4, topK: 8, shared: 1 },
];

/** Experts of every row by falling selection score, then the shared ones. */
export function chosenExperts(
  { rows, experts, groups, topGroups, topK, shared }: RouteShape,
  logits: ArrayLike<number>,
  bias: ArrayLike<number>,
): number[] {
  const best = (from: number[], value: (i: number) => number, count: number) =>
    from.toSorted((a, b) => value(b) - value(a) || a - b).slice(0, count);
  const perGroup = experts / groups;
  const members = (g: number) => Array.from({ length: perGroup }, (_, i) => g * perGroup + i);
  return Array.from({ length: rows }, (_, r) => {
    const u = Array.from(bias, (b, e) => sigmoid(logits[r * experts + e]) + b);
    const score = (g: number) => best(members(g), (e) => u[e], 2).reduce((sum, e) => sum + u[e], 0);
    const kept = best(Array.from({ length: groups }, (_, g) => g), score, topGroups);
    const top = best(kept.flatMap(members), (e) => u[e], topK);
    return [...top, ...Array.from({ length: shared }, (_, i) => experts + i)];
  }).flat();
}

/** Weights of the chosen experts; shared ones weigh 1. */
export function weightsOf(
  { rows, experts, topK, shared }: RouteShape,
  logits: ArrayLike<number>,
  { chosen, normalize }: { chosen: ArrayLike<number>; normalize: boolean },
): number[] {
  return Array.from({ length: rows }, (_, r) => {
    const s = Array.from(
      { length: topK },
      (_, n) => sigmoid(logits[r * experts + chosen[r * (topK + shared) + n]]),
    );
    const total = normalize && topK > 1 ? s.reduce((sum, v) => sum + v, 1e-20) : 1;
    return [...s.map((v) => v / total * SCALING), ...new Array<number>(shared).fill(1)];
  }).flat();
}

/** 1 / (1 + exp(-z)) */
export function sigmoid(z: number): number {
  return 1 / (1 + Math.exp(-z));
}

/** Rows that share a bias in the spec with block routing, and the experts that theirs leaves them, beside top-k. */
const [BLOCK_ROWS, POOL_BEYOND] = [4, 2];

/** Biases of blocks of rows: those of a few experts, and what no row chooses for the others. */
function pooledBias({ rows, experts, topK }: RouteShape): Float32Array<ArrayBuffer> {
  const bias = uniform(experts, 2, 0.3);
  const blocks = Math.ceil(rows / BLOCK_ROWS);
  return Float32Array.from({ length: blocks * experts }, (_, i) => {
    const [b, e] = [Math.floor(i / experts), i % experts];
    return (7 * e + b) % experts < topK + POOL_BEYOND ? bias[e] : EXCLUDED;
  });
}

/** The experts of every row, of which so many as `block` share a bias. */
function chosenInBlocks(
  shape: RouteShape,
  { logits, bias }: { logits: ArrayLike<number>; bias: ArrayLike<number> },
  block: number,
): number[] {
  const { rows, experts } = shape;
  return Array.from({ length: Math.ceil(rows / block) }, (_, b) => {
    const count = Math.min(block, rows - b * block);
    const from = b * block * experts;
    const of = Array.from(logits).slice(from, from + count * experts);
    const own = Array.from(bias).slice(b * experts, (b + 1) * experts);
    return chosenExperts({ ...shape, rows: count }, of, own);
  }).flat();
}

/** Checks and times the gate: of scores all different, of many that are equal, and of blocks with pools. */
export const routeSpecs: KernelSpec<RouteShape>[] = ["route", "route ties", "route in blocks"].map((
  name,
) => {
  const ties = name === "route ties";
  const block = name === "route in blocks" ? BLOCK_ROWS : ALL_ROWS;
  return {
    name,
    // More experts than a workgroup has lanes, all of them in one group.
    shapes: [
      ...(block === ALL_ROWS ? GATES : GATES.map((gate) => ({ ...gate, groups: 1, topGroups: 1 }))),
      { rows: 5, experts: 300, groups: 1, topGroups: 1, topK: 6, shared: 2 },
    ],
    benchShapes: name === "route" ? GATES.slice(2).map((shape) => ({ ...shape, rows: 32 })) : [],
    tolerance: 2e-6, // an exp, a division, a sum of top-k terms
    inputs: (shape) => {
      const { rows, experts, topK, shared } = shape;
      const logits = uniform(rows * experts, 1, 4);
      const bias = block === ALL_ROWS ? uniform(experts, 2, 0.3) : pooledBias(shape);
      return {
        live: liveRows(rows),
        logits: ties ? logits.map(Math.round) : logits,
        bias: ties ? bias.map((b) => b < 0 ? 0 : 0.125) : bias,
        chosen: new Uint32Array(rows * (topK + shared)).fill(99),
        routing: uniform(rows * (topK + shared), 3),
      };
    },
    reference: (shape, { logits, bias }) => {
      const chosen = chosenInBlocks(shape, { logits, bias }, Math.min(block, shape.rows));
      return { chosen, routing: weightsOf(shape, logits, { chosen, normalize: true }) };
    },
    prepare: (launcher, { experts, groups, topGroups, topK, shared }, b) =>
      routeKernel(launcher, {
        label: "route",
        live: b.live,
        logits: b.logits,
        bias: b.bias,
        chosen: b.chosen,
        routing: b.routing,
        experts,
        groups,
        topGroups,
        topK,
        sharedExperts: shared,
        normalize: true,
        scaling: SCALING,
        blockRows: block,
      }),
    rows: ({ rows }) => rows,
    bytes: ({ rows, experts, topK }) => 4 * rows * (experts + 2 * topK),
    flops: ({ rows, experts, topK }) => rows * experts * (topK + 4),
  };
});
