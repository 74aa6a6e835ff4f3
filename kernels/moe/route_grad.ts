/** The gradient of the gate's weights. */
import source from "./route_grad.wgsl" with { type: "text" };
import type { Dispatch, Launcher } from "../launch.ts";
import { type KernelSpec, liveRows, uniform } from "../spec.ts";
import { teamsOf } from "../team.ts";
import {
  chosenExperts,
  GATES,
  type GateShape,
  type RouteShape,
  SCALING,
  sigmoid,
  weightsOf,
} from "./route.ts";

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
      files: [{ name: "kernels/moe/route_grad.wgsl", text: source }],
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
