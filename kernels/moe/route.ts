/** The MoE gate: which experts a row goes to, and with what weight; then rows grouped by expert. */
import groupSource from "./group.wgsl" with { type: "text" };
import groupSharedSource from "./group_shared.wgsl" with { type: "text" };
import sharedSource from "./route_shared.wgsl" with { type: "text" };
import routeGradSource from "./route_grad.wgsl" with { type: "text" };
import routeSource from "./route.wgsl" with { type: "text" };
import { lanesOf } from "../lanes.ts";
import { CPU_LANES, type Dispatch, type Launcher } from "../launch.ts";
import { mostTiles } from "../matmul/matmul.ts";
import { type KernelSpec, liveRows, uniform } from "../spec.ts";
import { teamsOf } from "../team.ts";

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
  const shape = {
    top_groups: options.topGroups,
    shared_experts: options.sharedExperts,
    normalize: options.normalize ? 1 : 0,
    scaling: options.scaling,
  };
  const call = {
    label: options.label,
    bindings: [options.live, options.logits, options.bias, options.chosen, options.routing],
  };
  const { experts, groups, topK } = options;
  if (launcher.target === "gpu") {
    const perGroup = experts / groups;
    return [
      await launcher.prepare({
        ...call,
        files: [{ name: "kernels/moe/route_shared.wgsl", text: sharedSource }],
        constants: {
          LANES: Math.min(256, Math.max(32, 2 ** Math.ceil(Math.log2(experts)))),
          EXPERTS: experts,
          GROUPS: groups,
          PER_GROUP: perGroup,
          LIST: Math.min(perGroup, Math.max(2, topK)),
          TOP_K: topK,
        },
        params: { rows_at: 0, ...shape },
        groups: (rows) => [rows],
      }),
    ];
  }
  return [
    await launcher.prepare({
      ...call,
      files: [{ name: "kernels/moe/route.wgsl", text: routeSource }],
      constants: { LANES: CPU_LANES, GROUPS: groups },
      params: { rows_at: 0, experts, groups, top_k: topK, ...shape },
      groups: (rows) => [Math.ceil(rows / CPU_LANES)],
    }),
  ];
}

/** Prepares the gradient of the chosen weights with respect to the router logits, the choice given. */
export async function routeGradKernel(
  launcher: Launcher,
  options: GateShape & {
    readonly label: string;
    readonly live: GPUBuffer;
    /** [rows, experts] */
    readonly logits: GPUBuffer;
    /** [rows, topK + sharedExperts] */
    readonly chosen: GPUBuffer;
    /** [rows, topK + sharedExperts] gradient of the weights. */
    readonly drouting: GPUBuffer;
    /** [rows, experts], written. */
    readonly dlogits: GPUBuffer;
  },
): Promise<Dispatch[]> {
  const { experts, topK, live, logits, chosen, drouting, dlogits } = options;
  const teams = teamsOf(launcher, experts);
  return [
    await launcher.prepare({
      label: options.label,
      files: [{ name: "kernels/moe/route_grad.wgsl", text: routeGradSource }],
      constants: { ...teams.constants, TOP_K: topK },
      params: {
        rows_at: 0,
        experts,
        choices: topK + options.sharedExperts,
        normalize: options.normalize ? 1 : 0,
        scaling: options.scaling,
      },
      bindings: [live, logits, chosen, drouting, dlogits],
      groups: (rows) => [teams.groups(rows)],
    }),
  ];
}

/** Prepares the counting sort of choices by expert and its tiles of at most `tileRows` rows. */
export async function groupKernel(
  launcher: Launcher,
  options: {
    readonly label: string;
    readonly live: GPUBuffer;
    readonly chosen: GPUBuffer;
    readonly order: GPUBuffer;
    readonly tiles: GPUBuffer;
    /** [experts] (start in `order`, count); empty experts have count 0. */
    readonly segments: GPUBuffer;
    /** Shared experts included. */
    readonly experts: number;
    readonly choices: number;
    readonly tileRows: number;
  },
): Promise<Dispatch[]> {
  const { label, experts, choices, tileRows } = options;
  const call = {
    label,
    bindings: [options.live, options.chosen, options.order, options.tiles, options.segments],
  };
  if (launcher.target === "gpu") {
    return [
      await launcher.prepare({
        ...call,
        files: [{ name: "kernels/moe/group_shared.wgsl", text: groupSharedSource }],
        constants: { ...lanesOf(launcher, 256), EXPERTS: experts, TM: tileRows },
        params: { rows_at: 0, choices },
        groups: () => [experts],
      }),
    ];
  }
  return [
    await launcher.prepare({
      ...call,
      files: [{ name: "kernels/moe/group.wgsl", text: groupSource }],
      constants: { LANES: groupLanes(experts), EXPERTS: experts, TM: tileRows },
      params: { rows_at: 0, experts, choices },
      groups: () => [1],
    }),
  ];
}

/** Lanes whose counts of every expert fit the 16 KiB of workgroup memory that each device has. */
function groupLanes(experts: number): number {
  let lanes = CPU_LANES;
  while (lanes > 1 && 4 * experts * (lanes + 1) > 16384) lanes /= 2;
  return lanes;
}

type RouteShape = {
  rows: number;
  experts: number;
  groups: number;
  topGroups: number;
  topK: number;
  shared: number;
};

/** Factor of the routed weights in the specs. */
const SCALING = 2.5;

/** Rows of a tile in the specs. */
const TILE = 4;

const GATES: RouteShape[] = [
  { rows: 1, experts: 1, groups: 1, topGroups: 1, topK: 1, shared: 0 },
  { rows: 7, experts: 8, groups: 4, topGroups: 2, topK: 2, shared: 1 },
  { rows: 33, experts: 16, groups: 4, topGroups: 2, topK: 4, shared: 1 },
  { rows: 9, experts: 256, groups: 8, topGroups: 4, topK: 8, shared: 1 },
];

/** Experts of every row by falling selection score, then the shared ones. */
function chosenExperts(
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
function weightsOf(
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

function sigmoid(z: number): number {
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

/** Checks and times the gate's gradient, of normalized weights and of plain ones. */
export const routeGradSpecs: KernelSpec<RouteShape>[] = [true, false].map((normalize) => ({
  name: normalize ? "route_grad" : "route_grad plain",
  shapes: GATES,
  benchShapes: GATES.slice(2).map((shape) => ({ ...shape, rows: 1024 })),
  tolerance: 2e-6, // an exp, two divisions, sums of top-k terms that cancel
  inputs: (shape) => {
    const { rows, experts, topK, shared } = shape;
    const logits = uniform(rows * experts, 1, 4);
    return {
      live: liveRows(rows),
      logits,
      chosen: Uint32Array.from(chosenExperts(shape, logits, uniform(experts, 2, 0.3))),
      drouting: uniform(rows * (topK + shared), 3),
      dlogits: uniform(rows * experts, 4),
    };
  },
  reference: ({ rows, experts, topK, shared }, { logits, chosen, drouting }) => {
    const dlogits = new Float64Array(rows * experts);
    for (let r = 0; r < rows; r++) {
      const at = r * (topK + shared);
      const d = drouting.subarray(at, at + topK);
      const mine = Array.from(chosen.subarray(at, at + topK), (e) => r * experts + e);
      const s = mine.map((i) => sigmoid(logits[i]));
      const normal = normalize && topK > 1;
      const total = normal ? s.reduce((sum, v) => sum + v, 1e-20) : 1;
      const pull = normal ? s.reduce((sum, v, n) => sum + v * d[n], 0) / total : 0;
      for (const [n, i] of mine.entries()) {
        dlogits[i] = SCALING * (d[n] - pull) / total * s[n] * (1 - s[n]);
      }
    }
    return { dlogits };
  },
  prepare: (launcher, { experts, groups, topGroups, topK, shared }, b) =>
    routeGradKernel(launcher, {
      label: "route_grad",
      live: b.live,
      logits: b.logits,
      chosen: b.chosen,
      drouting: b.drouting,
      dlogits: b.dlogits,
      experts,
      groups,
      topGroups,
      topK,
      sharedExperts: shared,
      normalize,
      scaling: SCALING,
    }),
  rows: ({ rows }) => rows,
  bytes: ({ rows, experts, topK }) => 4 * rows * (experts + 3 * topK),
  flops: ({ rows, topK }) => 12 * rows * topK,
  gradient: {
    forward: (shape, { logits, chosen }) => ({
      routing: weightsOf(shape, logits, { chosen, normalize }),
    }),
    upstream: { routing: "drouting" },
    of: { dlogits: "logits" },
  },
}));

/** Checks and times the grouping; experts are dealt unevenly and some stay empty. */
export const groupSpecs: KernelSpec<RouteShape>[] = [{
  name: "group",
  // With so many rows no lane could count them for each of its experts, or twice each choice of its own
  // (kernels/moe/group.wgsl).
  shapes: [...GATES, { ...GATES[2], rows: 4640 }, { ...GATES[3], rows: 32768 }],
  benchShapes: [
    ...GATES.slice(2).map((shape) => ({ ...shape, rows: 32 })),
    { ...GATES[2], rows: 4640 },
  ],
  tolerance: 0, // integers
  inputs: ({ rows, experts, topK, shared }) => {
    const choices = topK + shared;
    const chosen = Uint32Array.from(
      { length: rows * choices },
      (_, a) => a % choices < topK ? (a * a + a) % experts : experts + a % choices - topK,
    );
    return {
      live: liveRows(rows),
      chosen,
      order: new Uint32Array(rows * choices),
      tiles: new Uint32Array(4 * (1 + mostTiles(rows * choices, experts + shared, TILE))),
      segments: new Uint32Array(2 * (experts + shared)).fill(99),
    };
  },
  reference: ({ experts, shared }, { chosen, tiles: room }) => {
    const tiles = [0, 0, 0, 0];
    const segments: number[] = [];
    const lists: number[][] = Array.from({ length: experts + shared }, () => []);
    for (const [a, expert] of chosen.entries()) lists[expert].push(a);
    let at = 0;
    for (const [e, { length }] of lists.entries()) {
      segments.push(at, length);
      for (let i = 0; i < length; i += TILE) tiles.push(e, at + i, Math.min(TILE, length - i), 0);
      at += length;
    }
    tiles[0] = tiles.length / 4 - 1;
    const table = new Uint32Array(room.length);
    table.set(tiles);
    return { order: lists.flat(), tiles: table, segments };
  },
  prepare: (launcher, { experts, topK, shared }, b) =>
    groupKernel(launcher, {
      label: "group",
      live: b.live,
      chosen: b.chosen,
      order: b.order,
      tiles: b.tiles,
      segments: b.segments,
      experts: experts + shared,
      choices: topK + shared,
      tileRows: TILE,
    }),
  rows: ({ rows }) => rows,
  bytes: ({ rows, topK, shared }) => 12 * rows * (topK + shared),
  flops: () => 0,
}];
