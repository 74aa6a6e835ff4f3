/** RMSNorm that first adds the outputs waiting to join the residual stream. */
import apartSource from "./rms_norm_apart.wgsl" with { type: "text" };
import inPlaceSource from "./rms_norm_in_place.wgsl" with { type: "text" };
import source from "./rms_norm.wgsl" with { type: "text" };
import { lanesOf, totalFile } from "./lanes.ts";
import { CPU_LANES, type Dispatch, type Launcher } from "./launch.ts";
import { packOf } from "./pack.ts";
import { type KernelSpec, liveRows, uniform } from "./spec.ts";

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
  const { file, FOURS } = packOf(launcher, options.width);
  const packs = options.width / (4 * FOURS);
  const lanes = normLanes(launcher, packs, FOURS);
  return [
    await launcher.prepare({
      label,
      files: [
        file,
        totalFile(launcher, lanes.LANES),
        sum
          ? { name: "kernels/rms_norm_apart.wgsl", text: apartSource }
          : { name: "kernels/rms_norm_in_place.wgsl", text: inPlaceSource },
        { name: "kernels/rms_norm.wgsl", text: source },
      ],
      constants: { ...lanes, FOURS, ADDENDS: addends },
      params: { rows_at: options.rowsAt ?? 0, packs, eps: options.eps },
      bindings: [live, w, x, addends ? add : undefined, h, sum], // add is gone once unrolled
      groups: (rows) => [rows],
    }),
  ];
}

/** Groups of four channels that a CPU driver's lane holds. */
const MOST_HELD = 8;

/** Lanes of a row: on a GPU so many that they hold it in registers. */
function normLanes(launcher: Launcher, packs: number, FOURS: number) {
  if (launcher.target !== "gpu") {
    const COLUMNS = Math.ceil(packs / CPU_LANES);
    const HELD = COLUMNS * FOURS <= MOST_HELD;
    return { ...lanesOf(launcher, CPU_LANES), COLUMNS: HELD ? COLUMNS : 1, HELD };
  }
  const lanes = Math.min(256, Math.max(32, 2 ** Math.ceil(Math.log2(packs))));
  return { ...lanesOf(launcher, lanes), COLUMNS: Math.ceil(packs / lanes), HELD: true };
}

/** Sizes of a norm in the specs. */
export type NormShape = { rows: number; width: number; addends: number };

/** Epsilon of the specs. */
export const EPS = 1e-6;

/** RMSNorm of every row in float64. */
export function normed(
  x: ArrayLike<number>,
  w: ArrayLike<number>,
  { rows, width }: NormShape,
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
export function added(
  x: ArrayLike<number>,
  add: ArrayLike<number>,
  { rows, width, addends }: NormShape,
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
export function residual({ rows, width }: NormShape, seed: number): Float32Array<ArrayBuffer> {
  const x = uniform(rows * width, seed, 3);
  x[0] = 50;
  return x;
}

/** Checks and times the norm, with the sum in place and apart. */
export const rmsNormSpecs: KernelSpec<NormShape>[] = [false, true].map((apart) => ({
  name: apart ? "rms_norm apart" : "rms_norm",
  shapes: [
    { rows: 1, width: 4, addends: 0 },
    { rows: 3, width: 200, addends: 1 },
    { rows: 32, width: 128, addends: 5 },
    { rows: 5, width: 2048, addends: 0 },
    { rows: 2, width: 1100, addends: 1 }, // no whole number of a GPU's lanes
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
