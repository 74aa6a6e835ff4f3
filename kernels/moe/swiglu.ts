/** SwiGLU on its own, as training needs it, and its gradient. */
import gradSource from "./swiglu_grad.wgsl" with { type: "text" };
import inputsSource from "./swiglu_inputs.wgsl" with { type: "text" };
import plainSource from "./swiglu_plain.wgsl" with { type: "text" };
import routedSource from "./swiglu_routed.wgsl" with { type: "text" };
import source from "./swiglu.wgsl" with { type: "text" };
import type { Dispatch, Launcher, WgslFile } from "../launch.ts";
import { packOf } from "../pack.ts";
import { type KernelSpec, liveRows, uniform } from "../spec.ts";
import { longTeamsOf, teamsOf } from "../team.ts";

const INPUTS: WgslFile = { name: "kernels/moe/swiglu_inputs.wgsl", text: inputsSource };

/** What the function and its gradient share. */
export interface SwigluShape {
  readonly label: string;
  readonly live: GPUBuffer;
  /** [rows * perRow, 2 width] gate and up in turn. */
  readonly x: GPUBuffer;
  /** Items of a row: its choices of experts, or 1. */
  readonly perRow: number;
  /** A multiple of 4. */
  readonly width: number;
}

/** Prepares y = silu(gate) * up (spec/model.md section 3.2). */
export async function swigluKernel(
  launcher: Launcher,
  { label, live, x, y, perRow, width }: SwigluShape & {
    /** [rows * perRow, width] */
    readonly y: GPUBuffer;
  },
): Promise<Dispatch[]> {
  const teams = teamsOf(launcher, width / 4);
  const { LANES, TEAM } = teams.constants;
  const { file, FOURS } = packOf(launcher, 2 * width);
  return [
    await launcher.prepare({
      label,
      files: [file, INPUTS, { name: "kernels/moe/swiglu.wgsl", text: source }],
      constants: { LANES, ITEMS: LANES / TEAM, FOURS, PACKS: 2 / FOURS },
      params: { rows_at: 0, per_row: perRow, width4: width / 4 },
      bindings: [live, x, y],
      groups: (rows) => [teams.groups(rows * perRow)],
    }),
  ];
}

/** Buffers of the gradient. */
export interface SwigluGradOptions extends SwigluShape {
  /** [rows * perRow, width] gradient of routing * y, which is what leaves an expert. */
  readonly dy: GPUBuffer;
  /** [rows * perRow] weight of each item; without it they all weigh 1. */
  readonly routing?: GPUBuffer;
  /** [rows * perRow, 2 width], written. */
  readonly dx: GPUBuffer;
  /** [rows * perRow] gradient of `routing`, written; there when `routing` is. */
  readonly drouting?: GPUBuffer;
}

/** Prepares the gradients of routing * silu(gate) * up with respect to gate, up and routing. */
export async function swigluGradKernel(
  launcher: Launcher,
  { label, live, x, dy, routing, dx, drouting, perRow, width }: SwigluGradOptions,
): Promise<Dispatch[]> {
  if (!routing !== !drouting) {
    throw new TypeError(`Cannot prepare "${label}": routing and drouting go together`);
  }
  const teams = longTeamsOf(launcher, width / 4);
  const { file, FOURS } = packOf(launcher, 2 * width);
  return [
    await launcher.prepare({
      label,
      files: [
        file,
        INPUTS,
        ...(routing
          ? [teams.file, { name: "kernels/moe/swiglu_routed.wgsl", text: routedSource }]
          : [{ name: "kernels/moe/swiglu_plain.wgsl", text: plainSource }]),
        { name: "kernels/moe/swiglu_grad.wgsl", text: gradSource },
      ],
      constants: { ...teams.constants, FOURS, PACKS: 2 / FOURS },
      params: { rows_at: 0, per_row: perRow, width4: width / 4 },
      bindings: [live, x, dy, dx, routing, drouting],
      groups: (rows) => [teams.groups(rows * perRow)],
    }),
  ];
}

type Shape = { rows: number; perRow: number; width: number };

const SHAPES: Shape[] = [
  { rows: 1, perRow: 1, width: 4 },
  { rows: 3, perRow: 2, width: 12 },
  { rows: 17, perRow: 3, width: 20 },
  { rows: 9, perRow: 5, width: 132 },
];

const BENCH_SHAPES: Shape[] = [
  { rows: 1024, perRow: 5, width: 64 },
  { rows: 1024, perRow: 1, width: 384 },
  { rows: 64, perRow: 9, width: 512 },
];

/** silu(gate) * up of every pair in float64. */
function pairs(x: ArrayLike<number>): Float64Array {
  return Float64Array.from(
    { length: x.length / 2 },
    (_, i) => x[2 * i] / (1 + Math.exp(-x[2 * i])) * x[2 * i + 1],
  );
}

/** Activations, a few of them large: where exp(-gate) overflows, and where it vanishes. */
function inputs({ rows, perRow, width }: Shape) {
  const x = uniform(rows * perRow * width * 2, 1, 4);
  x[0] = -100;
  x[2] = 100;
  return { live: liveRows(rows), x };
}

/** Checks and times the function. */
export const swigluSpecs: KernelSpec<Shape>[] = [{
  name: "swiglu",
  shapes: SHAPES,
  benchShapes: BENCH_SHAPES,
  tolerance: 1e-6, // an exp, a division, a product
  inputs: (shape) => ({
    ...inputs(shape),
    y: uniform(shape.rows * shape.perRow * shape.width, 2),
  }),
  reference: (_, { x }) => ({ y: pairs(x) }),
  prepare: (launcher, { perRow, width }, { live, x, y }) =>
    swigluKernel(launcher, { label: "swiglu", live, x, y, perRow, width }),
  rows: ({ rows }) => rows,
  bytes: ({ rows, perRow, width }) => 12 * rows * perRow * width,
  flops: ({ rows, perRow, width }) => 5 * rows * perRow * width,
}];

/** Checks and times the gradient, of a dense layer and of experts. */
export const swigluGradSpecs: KernelSpec<Shape>[] = [false, true].map((routed) => ({
  name: routed ? "swiglu_grad routed" : "swiglu_grad",
  shapes: SHAPES,
  benchShapes: BENCH_SHAPES,
  tolerance: 2e-6, // an exp, a division, a few products, a sum of `width` of them
  inputs: (shape) => {
    const items = shape.rows * shape.perRow;
    return {
      ...inputs(shape),
      dy: uniform(items * shape.width, 2),
      dx: uniform(items * shape.width * 2, 3),
      ...(routed ? { routing: uniform(items, 4), drouting: uniform(items, 5) } : {}),
    };
  },
  reference: ({ width }, { x, dy, routing }) => {
    const dx = new Float64Array(x.length);
    const drouting = new Float64Array(dy.length / width);
    const y = pairs(x);
    for (let i = 0; i < dy.length; i++) {
      const item = Math.floor(i / width);
      const [gate, up] = [x[2 * i], x[2 * i + 1]];
      const q = 1 / (1 + Math.exp(-gate));
      const d = dy[i] * (routed ? routing[item] : 1);
      dx[2 * i] = d * up * q * (1 + gate * (1 - q));
      dx[2 * i + 1] = d * gate * q;
      drouting[item] += y[i] * dy[i];
    }
    return (routed ? { dx, drouting } : { dx }) as Record<string, Float64Array>;
  },
  prepare: (launcher, { perRow, width }, { live, x, dy, dx, routing, drouting }) =>
    swigluGradKernel(launcher, {
      label: "swiglu_grad",
      live,
      x,
      dy,
      dx,
      routing,
      drouting,
      perRow,
      width,
    }),
  rows: ({ rows }) => rows,
  bytes: ({ rows, perRow, width }) => 20 * rows * perRow * width,
  flops: ({ rows, perRow, width }) => 14 * rows * perRow * width,
  gradient: {
    forward: ({ width }, { x, routing }) => ({
      y: pairs(x).map((y, i) => y * (routed ? routing[Math.floor(i / width)] : 1)),
    }),
    upstream: { y: "dy" },
    of: (routed ? { dx: "x", drouting: "routing" } : { dx: "x" }) as Record<string, string>,
  },
}));
