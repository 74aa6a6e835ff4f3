/** The gradient of RMSNorm. */
import source from "./rms_norm_grad.wgsl" with { type: "text" };
import memory from "./rms_norm_grad_memory.wgsl" with { type: "text" };
import subgroup from "./rms_norm_grad_subgroup.wgsl" with { type: "text" };
import { inSubgroup, totalFile } from "./lanes.ts";
import { CPU_LANES, type Dispatch, type Launcher, type WgslFile } from "./launch.ts";
import { added, EPS, normed, type NormShape, residual } from "./rms_norm.ts";
import { packOf } from "./pack.ts";
import { type KernelSpec, liveRows, uniform } from "./spec.ts";
import { sumPartsKernel } from "./sum_parts.ts";

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
  const { file, FOURS } = packOf(launcher, width);
  const packs = width / (4 * FOURS);
  const lanes = gradLanes(launcher, packs, FOURS);
  return [
    await launcher.prepare({
      label,
      files: [file, ...totalFiles(launcher, lanes.LANES), {
        name: "kernels/rms_norm_grad.wgsl",
        text: source,
      }],
      constants: {
        ...lanes,
        ADDENDS: addends,
        BLOCK,
        FRESH: options.fresh ?? false,
      },
      params: { rows_at: rowsAt, packs, eps: options.eps },
      bindings: [live, w, x, dh, addends ? add : undefined, dx, parts], // add is gone once unrolled
      groups: (rows) => [Math.ceil(rows / BLOCK)],
    }),
    await sumPartsKernel(launcher, { label, live, rowsAt, parts, sum: dw, width, block: BLOCK }),
  ];
}

/** How lanes add up a row's sums. */
function totalFiles(launcher: Launcher, lanes: number): WgslFile[] {
  if (inSubgroup(launcher, lanes)) {
    const file = { name: "kernels/rms_norm_grad_subgroup.wgsl", text: subgroup };
    return [totalFile(launcher, lanes), file];
  }
  return [{ name: "kernels/rms_norm_grad_memory.wgsl", text: memory }];
}

/** As few lanes as leave each no more columns than registers hold: sums over lanes cost most. */
function gradLanes({ target }: Launcher, packs: number, FOURS: number) {
  const [least, columns] = target === "gpu" ? [32, 4] : [CPU_LANES, 8 / FOURS];
  const wanted = 2 ** Math.ceil(Math.log2(packs / columns));
  const lanes = Math.min(256, Math.max(least, wanted));
  return { FOURS, LANES: lanes, COLUMNS: Math.ceil(packs / lanes) };
}

/** Checks and times the gradient, with dx written and added to. */
export const rmsNormGradSpecs: KernelSpec<NormShape>[] = [true, false].map((fresh) => ({
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
