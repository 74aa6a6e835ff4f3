/** RMSNorm that first adds the outputs waiting to join the residual stream, and its gradient. */
import apartSource from "./rms_norm_apart.wgsl" with { type: "text" };
import gradSource from "./rms_norm_grad.wgsl" with { type: "text" };
import inPlaceSource from "./rms_norm_in_place.wgsl" with { type: "text" };
import source from "./rms_norm.wgsl" with { type: "text" };
import { LANES_FILE, lanesOf } from "./lanes.ts";
import { CPU_LANES, type Dispatch, type Launcher } from "./launch.ts";
import { type KernelSpec, liveRows, uniform } from "./spec.ts";
import { sumPartsKernel } from "./sum_parts.ts";

/** Buffers and sizes of one norm. */
export interface RmsNormOptions {
  readonly label: string;
  readonly live: GPUBuffer;
  readonly rowsAt?: 0 | 1;
  /** Residual stream [rows, width]; changed when there are addends and no `sum`. */
  readonly x: GPUBuffer;
  /** [rows, addends, width]; any buffer when `addends` is 0. */
  readonly add: GPUBuffer;
  readonly addends: number;
  /** [rows, width] gets x + sum of addends, and x stays. */
  readonly sum?: GPUBuffer;
  readonly w: GPUBuffer;
  readonly h: GPUBuffer;
  readonly width: number;
  readonly eps: number;
}

/** Prepares x += sum of addends; h = RMSNorm(x) * w (spec/model.md section 3.1). */
export async function rmsNormKernel(
  launcher: Launcher,
  options: RmsNormOptions,
): Promise<Dispatch[]> {
  const { label, live, x, add, addends, sum, w, h } = options;
  const width4 = options.width / 4;
  return [
    await launcher.prepare({
      label,
      files: [
        LANES_FILE,
        sum
          ? { name: "kernels/rms_norm_apart.wgsl", text: apartSource }
          : { name: "kernels/rms_norm_in_place.wgsl", text: inPlaceSource },
        { name: "kernels/rms_norm.wgsl", text: source },
      ],
      constants: { ...normLanes(launcher, width4), ADDENDS: addends },
      params: { rows_at: options.rowsAt ?? 0, width4, eps: options.eps },
      bindings: [live, w, x, addends ? add : undefined, h, sum], // add is gone once unrolled
      groups: (rows) => [rows],
    }),
  ];
}

/** Lanes of a row: on a GPU so many that they hold it in registers. */
function normLanes(launcher: Launcher, width4: number) {
  if (launcher.target !== "gpu") {
    return { ...lanesOf(launcher, CPU_LANES), COLUMNS: 1, HELD: false };
  }
  const lanes = Math.min(256, Math.max(32, 2 ** Math.ceil(Math.log2(width4))));
  return { ...lanesOf(launcher, lanes), COLUMNS: Math.ceil(width4 / lanes), HELD: true };
}

/** Rows whose parts of the weight's gradient are summed by one workgroup. */
const BLOCK = 32;

/** Bytes of `parts` for the gradient of a norm over at most `rows` rows. */
export function rmsNormParts(rows: number, width: number): number {
  return 4 * width * Math.ceil(rows / BLOCK);
}

/** Buffers and sizes of one norm's gradient. */
export interface RmsNormGradOptions {
  readonly label: string;
  readonly live: GPUBuffer;
  readonly rowsAt?: 0 | 1;
  /** [rows, width] what was normed, addends included. */
  readonly x: GPUBuffer;
  readonly w: GPUBuffer;
  /** [rows, width] gradient of h. */
  readonly dh: GPUBuffer;
  /** [rows, addends, width] more parts of that gradient; any buffer when `addends` is 0. */
  readonly add: GPUBuffer;
  readonly addends: number;
  /** [rows, width] */
  readonly dx: GPUBuffer;
  /** Whether dx is written; else it is added to. */
  readonly fresh?: boolean;
  /** [width], added to */
  readonly dw: GPUBuffer;
  /** Scratch of `rmsNormParts` bytes. */
  readonly parts: GPUBuffer;
  /** Most rows of a pass. */
  readonly rows: number;
  readonly width: number;
  readonly eps: number;
}

/** Prepares the gradients of h = RMSNorm(x) * w with respect to x and w. */
export async function rmsNormGradKernel(
  launcher: Launcher,
  options: RmsNormGradOptions,
): Promise<Dispatch[]> {
  const { label, live, rowsAt = 0, x, w, dh, add, addends, dx, dw, parts, width } = options;
  const needed = rmsNormParts(options.rows, width);
  if (parts.size < needed) {
    throw new RangeError(
      `Cannot prepare "${label}": parts has ${parts.size} bytes, expected ${needed}`,
    );
  }
  const width4 = width / 4;
  return [
    await launcher.prepare({
      label,
      files: [{ name: "kernels/rms_norm_grad.wgsl", text: gradSource }],
      constants: {
        ...gradLanes(launcher, width4),
        ADDENDS: addends,
        BLOCK,
        FRESH: options.fresh ?? false,
      },
      params: { rows_at: rowsAt, width4, eps: options.eps },
      bindings: [live, w, x, dh, addends ? add : undefined, dx, parts], // add is gone once unrolled
      groups: (rows) => [Math.ceil(rows / BLOCK)],
    }),
    await sumPartsKernel(launcher, { label, live, rowsAt, parts, sum: dw, width, block: BLOCK }),
  ];
}

/** As few lanes as leave each no more columns than registers hold: sums over lanes cost most. */
function gradLanes({ target }: Launcher, width4: number): { LANES: number; COLUMNS: number } {
  const [least, columns] = target === "gpu" ? [32, 4] : [CPU_LANES, 8];
  const wanted = 2 ** Math.ceil(Math.log2(width4 / columns));
  const lanes = Math.min(256, Math.max(least, wanted));
  return { LANES: lanes, COLUMNS: Math.ceil(width4 / lanes) };
}

type Shape = { rows: number; width: number; addends: number };

const EPS = 1e-6;

/** RMSNorm of every row in float64. */
function normed(
  x: ArrayLike<number>,
  w: ArrayLike<number>,
  { rows, width }: Shape,
): Float64Array {
  const h = new Float64Array(rows * width);
  for (let r = 0; r < rows; r++) {
    let square = 0;
    for (let i = 0; i < width; i++) square += x[r * width + i] ** 2;
    const scale = 1 / Math.sqrt(square / width + EPS);
    for (let i = 0; i < width; i++) h[r * width + i] = x[r * width + i] * scale * w[i];
  }
  return h;
}

/** x plus its addends in float64. */
function added(
  x: ArrayLike<number>,
  add: ArrayLike<number>,
  { rows, width, addends }: Shape,
): Float64Array {
  const sum = Float64Array.from(x);
  for (let r = 0; r < rows; r++) {
    for (let j = 0; j < addends; j++) {
      for (let i = 0; i < width; i++) sum[r * width + i] += add[(r * addends + j) * width + i];
    }
  }
  return sum;
}

/** A residual stream: with an outlier, as they have. */
function residual({ rows, width }: Shape, seed: number): Float32Array {
  const x = uniform(rows * width, seed, 3);
  x[0] = 50;
  return x;
}

/** Checks and times the norm, with the sum in place and apart. */
export const rmsNormSpecs: KernelSpec<Shape>[] = [false, true].map((apart) => ({
  name: apart ? "rms_norm apart" : "rms_norm",
  shapes: [
    { rows: 1, width: 4, addends: 0 },
    { rows: 3, width: 200, addends: 1 },
    { rows: 32, width: 128, addends: 5 },
    { rows: 5, width: 2048, addends: 0 },
  ],
  benchShapes: [
    { rows: 32, width: 128, addends: 5 },
    { rows: 32, width: 2048, addends: 9 },
  ],
  tolerance: 2e-6, // f32 sum of `width` squares, one division and root
  inputs: (shape) => {
    const { rows, width, addends } = shape;
    return {
      live: liveRows(rows),
      x: residual(shape, 1),
      add: uniform(Math.max(4, rows * width * addends), 2),
      w: uniform(width, 3),
      h: uniform(rows * width, 4),
      ...(apart ? { sum: uniform(rows * width, 5) } : {}),
    };
  },
  reference: (shape, { x, add, w }) => {
    const sum = added(x, add, shape);
    return { ...(apart ? { x, sum } : { x: sum }), h: normed(sum, w, shape) };
  },
  prepare: (launcher, { width, addends }, { live, x, add, sum, w, h }) =>
    rmsNormKernel(launcher, {
      label: "rms_norm",
      live,
      x,
      add,
      addends,
      sum,
      w,
      h,
      width,
      eps: EPS,
    }),
  rows: ({ rows }) => rows,
  bytes: ({ rows, width, addends }) =>
    4 * width * (rows * (addends + (addends || apart ? 3 : 2)) + 1),
  flops: ({ rows, width, addends }) => rows * width * (addends + 4),
}));

/** Checks and times the gradient, with dx written and added to. */
export const rmsNormGradSpecs: KernelSpec<Shape>[] = [true, false].map((fresh) => ({
  name: fresh ? "rms_norm_grad fresh" : "rms_norm_grad",
  shapes: [
    { rows: 1, width: 4, addends: 0 },
    { rows: 3, width: 44, addends: 1 },
    { rows: 33, width: 12, addends: 2 },
    { rows: 70, width: 200, addends: 5 },
    { rows: 5, width: 2052, addends: 0 },
  ],
  benchShapes: [
    { rows: 1024, width: 128, addends: 0 },
    { rows: 1024, width: 128, addends: 5 },
    { rows: 256, width: 2048, addends: 0 },
  ],
  tolerance: 3e-6, // f32 sums of `width` products, then of the rows'
  inputs: (shape) => {
    const { rows, width, addends } = shape;
    const x = residual(shape, 1);
    const w = uniform(width, 3);
    x[1] = w[2] = w[3] = 0; // nothing may be divided by either
    return {
      live: liveRows(rows),
      x,
      w,
      dh: uniform(rows * width, 4),
      add: uniform(Math.max(4, rows * width * addends), 2),
      dx: uniform(rows * width, 5),
      dw: uniform(width, 6),
      parts: uniform(rmsNormParts(rows, width) / 4, 7),
    };
  },
  reference: (shape, { x, w, dh, add, dx: dxBefore, dw: dwBefore }) => {
    const { rows, width } = shape;
    const d = added(dh, add, shape);
    const dx = fresh ? new Float64Array(rows * width) : Float64Array.from(dxBefore);
    const dw = Float64Array.from(dwBefore);
    for (let r = 0; r < rows; r++) {
      let [square, product] = [0, 0];
      for (let i = 0, at = r * width; i < width; i++, at++) {
        square += x[at] ** 2 / width;
        product += d[at] * w[i] * x[at] / width;
      }
      const scale = 1 / Math.sqrt(square + EPS);
      for (let i = 0, at = r * width; i < width; i++, at++) {
        dx[at] += scale * d[at] * w[i] - x[at] * scale ** 3 * product;
        dw[i] += d[at] * x[at] * scale;
      }
    }
    return { dx, dw };
  },
  prepare: (launcher, { rows, width, addends }, { live, x, w, dh, add, dx, dw, parts }) =>
    rmsNormGradKernel(launcher, {
      label: "rms_norm_grad",
      live,
      x,
      w,
      dh,
      add,
      addends,
      dx,
      fresh,
      dw,
      parts,
      rows,
      width,
      eps: EPS,
    }),
  rows: ({ rows }) => rows,
  bytes: ({ rows, width, addends }) => 4 * width * (rows * (addends + (fresh ? 3 : 4)) + 2),
  flops: ({ rows, width, addends }) => rows * width * (addends + 12),
  gradient: {
    forward: (shape, { x, w }) => {
      const h = normed(x, w, shape);
      const { rows, width, addends } = shape;
      const copies = Float64Array.from({ length: rows * addends * width }, (_, at) => {
        const row = Math.floor(at / (addends * width));
        return h[row * width + at % width];
      });
      return { h, copies };
    },
    upstream: { h: "dh", copies: "add" },
    of: { dx: "x", dw: "w" },
    added: fresh ? ["dw"] : ["dx", "dw"],
  },
}));
