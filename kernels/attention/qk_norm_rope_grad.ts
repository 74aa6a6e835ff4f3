/** Gradient of QK norm and partial rotary embedding. */
import source from "./qk_norm_rope_grad.wgsl" with { type: "text" };
import { CPU_LANES, type Dispatch, type Launcher } from "../launch.ts";
import {
  QK_NORM_ROPE_ROWS_SHAPES,
  qkNormRopeRowsInputs,
  type QkNormRopeRowsOptions,
  type QkNormRopeShape,
  sharedHead,
  turnedRows,
} from "./qk_norm_rope.ts";
import { SHARES, SHARES_ALONE, SHARES_FILE, sharesFile } from "../shares.ts";
import { sumPartsKernel } from "../sum_parts.ts";
import { type KernelSpec, uniform } from "../spec.ts";

/** Buffers and options of the kernel. */
export interface QkNormRopeGradOptions extends Omit<QkNormRopeRowsOptions, "turned"> {
  /** Gradient of the turned heads, [rows, heads + 2 kvHeads, headDim]; becomes the gradient of `qkv`. */
  readonly dturned: GPUBuffer;
  /** [2, headDim], added to where there is a norm. */
  readonly dnorm: GPUBuffer;
  /** Scratch of `qkNormParts` bytes. */
  readonly parts: GPUBuffer;
  /** Most rows of a pass. */
  readonly most: number;
}

/** Rows whose part of the norms' gradient is summed by one workgroup. */
const BLOCK = 32;

/** Bytes of `parts` for passes of at most `rows` rows. */
export function qkNormParts(rows: number, headDim: number): number {
  return Math.ceil(rows / BLOCK) * 2 * headDim * 4;
}

/** Prepares the backward pass of `qkNormRopeRowsKernel`; the gradient of v passes through. */
export async function qkNormRopeGradKernel(
  launcher: Launcher,
  options: QkNormRopeGradOptions,
): Promise<Dispatch[]> {
  const { label, live, headDim, parts, qkNorm } = options;
  const needed = qkNormParts(options.most, headDim);
  if (parts.size < needed) {
    throw new RangeError(
      `Cannot prepare "${label}": parts have ${parts.size} bytes, expected ${needed}`,
    );
  }
  const { files, shares, teams } = rowTeams(launcher, headDim);
  const turn = await launcher.prepare({
    label,
    files: [...files, { name: "kernels/attention/qk_norm_rope_grad.wgsl", text: source }],
    constants: {
      LANES: teams * shares,
      BLOCK,
      ...sharedHead({ headDim, rotaryDim: options.rotaryDim }, shares),
      QK_NORM: qkNorm,
    },
    params: { rows_at: 0, heads: options.heads, kv_heads: options.kvHeads, eps: options.eps },
    bindings: [
      live,
      options.rows,
      options.qkv,
      options.norm,
      options.rope,
      options.dturned,
      parts,
    ],
    groups: (rows) => [Math.ceil(rows / BLOCK), 2],
  });
  if (!qkNorm) return [turn];
  const sums = { label, live, parts, block: BLOCK, sum: options.dnorm, width: 2 * headDim };
  return [turn, await sumPartsKernel(launcher, sums)];
}

/** Lanes that share a row, and how many such teams a workgroup has: their sums of a head take half of 16 KiB. */
function rowTeams(launcher: Launcher, headDim: number) {
  if (launcher.target === "cpu") return { files: [SHARES_ALONE], shares: 1, teams: CPU_LANES };
  const teams = Math.min(16, 2 ** Math.floor(Math.log2(2048 / headDim)));
  return { files: [SHARES_FILE, sharesFile(launcher)], shares: SHARES, teams };
}

/** Checks and times the gradient, with norms and without. */
export const qkNormRopeGradSpecs: KernelSpec<QkNormRopeShape>[] = [true, false].map((qkNorm) => ({
  name: `qk_norm_rope_grad${qkNorm ? "" : ", no norm"}`,
  ...QK_NORM_ROPE_ROWS_SHAPES,
  tolerance: 3e-6, // f32 sums of headDim products; dnorm: of rows, in blocks
  inputs: (shape) => {
    const { turned: dturned, ...inputs } = qkNormRopeRowsInputs(shape);
    const { rows, headDim } = shape;
    return {
      ...inputs,
      dturned,
      dnorm: uniform(2 * headDim, 7),
      parts: uniform(qkNormParts(rows, headDim) / 4, 8),
    };
  },
  reference: ({ rows: count, heads, kvHeads, headDim, rotaryDim }, inputs) => {
    const { rows, qkv, norm, rope } = inputs;
    const dqkv = Float64Array.from(inputs.dturned);
    const dnorm = Float64Array.from(inputs.dnorm);
    const half = rotaryDim / 2;
    for (let r = 0; r < count; r++) {
      for (let head = 0; head < heads + kvHeads; head++) {
        const at = (r * (heads + 2 * kvHeads) + head) * headDim;
        const wAt = head < heads ? 0 : headDim;
        const x = Float64Array.from(qkv.subarray(at, at + headDim));
        const g = dqkv.slice(at, at + headDim); // of the normed head
        for (let i = 0; i < half; i++) {
          const [low, high] = [g[i], g[half + i]];
          const [c, s] = [i, half + i].map((j) => rope[rows[r * 4 + 1] * rotaryDim + j]);
          g[i] = low * c + high * s;
          g[half + i] = high * c - low * s;
        }
        const mean = x.reduce((sum, v) => sum + v * v, 0) / headDim;
        const scale = qkNorm ? 1 / Math.sqrt(mean + 1e-6) : 1;
        const slope = x.reduce((sum, v, i) => sum + v * norm[wAt + i] * g[i], 0) / headDim;
        const back = qkNorm ? scale ** 2 * slope : 0;
        for (let i = 0; i < headDim; i++) {
          dqkv[at + i] = scale * (norm[wAt + i] * g[i] - x[i] * back);
          if (qkNorm) dnorm[wAt + i] += g[i] * scale * x[i];
        }
      }
    }
    return { dturned: dqkv, dnorm, qkv };
  },
  gradient: {
    forward: (shape, inputs) => ({ turned: turnedRows(shape, inputs, { qkNorm }) }),
    upstream: { turned: "dturned" },
    of: { dturned: "qkv", ...(qkNorm && { dnorm: "norm" }) },
    added: ["dnorm"],
  },
  prepare: (launcher, { rows: most, ...sizes }, buffers) => {
    const { live, rows, qkv, norm, rope, dturned, dnorm, parts } = buffers;
    return qkNormRopeGradKernel(launcher, {
      label: "qk_norm_rope_grad",
      ...{ live, rows, qkv, norm, rope, dturned, dnorm, parts },
      ...sizes,
      most,
      qkNorm,
      eps: 1e-6,
    });
  },
  rows: ({ rows }) => rows,
  bytes: ({ rows, heads, kvHeads, headDim }) => 12 * rows * headDim * (heads + kvHeads),
  flops: ({ rows, heads, kvHeads, headDim }) => 18 * rows * headDim * (heads + kvHeads),
}));
