/** The optimizer: sums of squares for the gradients' global norm, and AdamW's step. */
import source from "./adamw.wgsl" with { type: "text" };
import squaresSource from "./squares.wgsl" with { type: "text" };
import { LANES_FILE, lanesOf } from "./lanes.ts";
import { CPU_LANES, type Dispatch, type Launcher } from "./launch.ts";
import { packOf } from "./pack.ts";
import { type KernelSpec, uniform } from "./spec.ts";

/** Values per partial sum of squares, as long as there are fewer than `MOST_PARTS`; then more, up to a limit. */
const STRETCH = 1 << 14;
const MOST_PARTS = 64;
const MOST_VALUES = 1 << 20; // 32768 turns on a CPU driver (MOST_TURNS)

/** Most workgroups of a step: enough for any device, and far below a dispatch's limit. */
const MOST_GROUPS = 4096;

/** Partial sums of squares of a tensor of `count` values. */
export function squaresParts(count: number): number {
  const parts = Math.min(MOST_PARTS, Math.ceil(count / STRETCH));
  return Math.max(parts, Math.ceil(count / MOST_VALUES));
}

/** Prepares sums[at .. at + squaresParts(count)] = sums of squares of stretches of g. */
export async function squaresKernel(
  launcher: Launcher,
  { label, g, count, sums, at }: {
    readonly label: string;
    /** `count` values, padded with zeros to a multiple of 4. */
    readonly g: GPUBuffer;
    readonly count: number;
    /** Partial sums of all tensors; their sum in float64 is the square of the global norm. */
    readonly sums: GPUBuffer;
    readonly at: number;
  },
): Promise<Dispatch> {
  const fours = Math.ceil(count / 4);
  const parts = squaresParts(count);
  return await launcher.prepare({
    label,
    files: [
      LANES_FILE,
      { name: "kernels/squares.wgsl", text: squaresSource },
    ],
    constants: lanesOf(launcher, lanesWanted(launcher)),
    params: { fours, stretch4: Math.ceil(fours / parts), at },
    bindings: [g, sums],
    groups: () => [parts],
  });
}

/** Prepares one step of AdamW (Loshchilov and Hutter 2019; spec/model.md section 8.7). */
export async function adamwKernel(
  launcher: Launcher,
  { label, w, g, m, v, count, step }: {
    readonly label: string;
    /** Like g, m and v: `count` values, padded with zeros to a multiple of 4. */
    readonly w: GPUBuffer;
    readonly g: GPUBuffer;
    readonly m: GPUBuffer;
    readonly v: GPUBuffer;
    readonly count: number;
    /** [8] lr, beta1, beta2, eps, decay, factor of g (clipping), 1 - beta1^t, 1 - beta2^t. */
    readonly step: GPUBuffer;
  },
): Promise<Dispatch> {
  const lanes = lanesWanted(launcher);
  const { file, FOURS } = packOf(launcher, 4 * Math.ceil(count / 4));
  const packs = Math.ceil(count / (4 * FOURS));
  const groups = Math.min(MOST_GROUPS, Math.ceil(packs / lanes));
  return await launcher.prepare({
    label,
    files: [file, { name: "kernels/adamw.wgsl", text: source }],
    constants: { LANES: lanes, FOURS },
    params: { packs, lanes: groups * lanes },
    bindings: [step, g, w, m, v],
    groups: () => [groups],
  });
}

function lanesWanted({ target }: Launcher): number {
  return target === "gpu" ? 256 : CPU_LANES;
}

type Shape = { count: number };

const SHAPES: Shape[] = [{ count: 1 }, { count: 131 }, { count: 3 * STRETCH + 5 }];

const BENCH_SHAPES: Shape[] = [{ count: 128 * 192 }, { count: 17 * 128 * 128 }, {
  count: 1 << 22,
}];

/** Where the spec's partial sums start. */
const AT = 3;

/** Checks and times the sums of squares. */
export const squaresSpecs: KernelSpec<Shape>[] = [{
  name: "squares",
  shapes: SHAPES,
  benchShapes: BENCH_SHAPES,
  tolerance: 2e-6, // f32 sums of a stretch in LANES * 4 chains
  inputs: ({ count }) => ({
    g: uniform(count, 1),
    sums: uniform(AT + squaresParts(count) + 2, 2),
  }),
  reference: ({ count }, { g, sums: before }) => {
    const sums = Float64Array.from(before);
    const parts = squaresParts(count);
    const stretch = 4 * Math.ceil(Math.ceil(count / 4) / parts);
    for (let part = 0; part < parts; part++) {
      const mine = (g as Float32Array).subarray(part * stretch, (part + 1) * stretch);
      sums[AT + part] = mine.reduce((sum, value) => sum + value * value, 0);
    }
    return { sums };
  },
  prepare: async (launcher, { count }, { g, sums }) => [
    await squaresKernel(launcher, { label: "squares", g, count, sums, at: AT }),
  ],
  rows: () => 1,
  bytes: ({ count }) => 4 * count,
  flops: ({ count }) => 2 * count,
}];

/** Checks and times the step. */
export const adamwSpecs: KernelSpec<Shape>[] = [{
  name: "adamw",
  shapes: SHAPES,
  benchShapes: BENCH_SHAPES,
  tolerance: 1e-6, // a root and two divisions
  inputs: ({ count }) => {
    const m = uniform(count, 3, 0.1);
    const g = uniform(count, 2);
    m[0] = g[0] = 0; // a weight without a gradient only decays
    return {
      w: uniform(count, 1),
      g,
      m,
      v: uniform(count, 4).map((value) => value * value),
      step: Float32Array.of(0.01, 0.9, 0.999, 1e-8, 0.1, 0.7, 1 - 0.9 ** 3, 1 - 0.999 ** 3),
    };
  },
  reference: ({ count }, before) => {
    const [lr, beta1, beta2, eps, decay, clip, bias1, bias2] = before.step;
    const [w, m, v] = [before.w, before.m, before.v].map((array) => Float64Array.from(array));
    for (let i = 0; i < count; i++) {
      const g = before.g[i] * clip;
      w[i] -= lr * decay * w[i];
      m[i] = beta1 * m[i] + (1 - beta1) * g;
      v[i] = beta2 * v[i] + (1 - beta2) * g * g;
      w[i] -= lr * (m[i] / bias1) / (Math.sqrt(v[i] / bias2) + eps);
    }
    return { w, m, v, g: before.g };
  },
  prepare: async (launcher, { count }, { w, g, m, v, step }) => [
    await adamwKernel(launcher, { label: "adamw", w, g, m, v, count, step }),
  ],
  rows: () => 1,
  bytes: ({ count }) => 28 * count,
  flops: ({ count }) => 14 * count,
}];
