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
}

/** Prepares sigmoid, group-limited top-k and normalized weights from router logits. */
export async function routeKernel(
  launcher: Launcher,
  options: GateShape & {
    readonly label: string;
    readonly live: GPUBuffer;
    /** [rows, experts] */
    readonly logits: GPUBuffer;
    /** [experts] */
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
        LIST: Math.min(perGroup, Math.max(2, topK)),
        TOP_K: topK,
      },
      params: {
        rows_at: 0,
        top_groups: options.topGroups,
        shared_experts: options.sharedExperts,
        normalize: options.normalize ? 1 : 0,
        scaling: options.scaling,
      },
      bindings: [live, logits, bias, chosen, routing],
      groups: (rows) => [gpu ? rows : Math.ceil(rows / CPU_LANES)],
    }),
  ];
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

/** Checks and times the gate, of scores all different and of many that are equal. */
export const routeSpecs: KernelSpec<RouteShape>[] = [false, true].map((ties) => ({
  name: ties ? "route ties" : "route",
  // More experts than a workgroup has lanes, all of them in one group.
  shapes: [...GATES, { rows: 5, experts: 300, groups: 1, topGroups: 1, topK: 6, shared: 2 }],
  benchShapes: ties ? [] : GATES.slice(2).map((shape) => ({ ...shape, rows: 32 })),
  tolerance: 2e-6, // an exp, a division, a sum of top-k terms
  inputs: ({ rows, experts, topK, shared }) => {
    const logits = uniform(rows * experts, 1, 4);
    const bias = uniform(experts, 2, 0.3);
    return {
      live: liveRows(rows),
      logits: ties ? logits.map(Math.round) : logits,
      bias: ties ? bias.map((b) => b < 0 ? 0 : 0.125) : bias,
      chosen: new Uint32Array(rows * (topK + shared)).fill(99),
      routing: uniform(rows * (topK + shared), 3),
    };
  },
  reference: (shape, { logits, bias }) => {
    const chosen = chosenExperts(shape, logits, bias);
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
    }),
  rows: ({ rows }) => rows,
  bytes: ({ rows, experts, topK }) => 4 * rows * (experts + 2 * topK),
  flops: ({ rows, experts, topK }) => rows * experts * (topK + 4),
}));
