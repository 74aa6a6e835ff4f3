/** RMSNorm that first adds the outputs waiting to join the residual stream. */
import source from "./rms_norm.wgsl" with { type: "text" };
import type { Dispatch, Launcher } from "./launch.ts";
import { type KernelSpec, liveRows, uniform } from "./spec.ts";

/** Buffers and sizes of one norm. */
export interface RmsNormOptions {
  readonly label: string;
  readonly live: GPUBuffer;
  readonly rowsAt?: 0 | 1;
  /** Residual stream [rows, width]; changed when there are addends. */
  readonly x: GPUBuffer;
  /** [rows, addends, width]; any buffer when `addends` is 0. */
  readonly add: GPUBuffer;
  readonly addends: number;
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
  const { label, live, x, add, w, h } = options;
  return [
    await launcher.prepare({
      label,
      files: [{ name: "kernels/rms_norm.wgsl", text: source }],
      constants: { LANES: launcher.target === "gpu" ? 64 : 8, ADDENDS: options.addends },
      params: { rows_at: options.rowsAt ?? 0, width4: options.width / 4, eps: options.eps },
      bindings: [live, w, x, add, h],
      groups: (rows) => [rows],
    }),
  ];
}

type Shape = { rows: number; width: number; addends: number };

/** Checks and times the norm. */
export const rmsNormSpecs: KernelSpec<Shape>[] = [{
  name: "rms_norm",
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
  inputs: ({ rows, width, addends }) => {
    const x = uniform(rows * width, 1, 3);
    x[0] = 50; // an outlier, as residual streams have
    return {
      live: liveRows(rows),
      x,
      add: uniform(Math.max(4, rows * width * addends), 2),
      w: uniform(width, 3),
      h: uniform(rows * width, 4),
    };
  },
  reference: ({ rows, width, addends }, { x, add, w }) => {
    const sum = Float64Array.from(x);
    const h = new Float64Array(rows * width);
    for (let r = 0; r < rows; r++) {
      let square = 0;
      for (let i = 0; i < width; i++) {
        for (let j = 0; j < addends; j++) sum[r * width + i] += add[(r * addends + j) * width + i];
        square += sum[r * width + i] ** 2;
      }
      const scale = 1 / Math.sqrt(square / width + 1e-6);
      for (let i = 0; i < width; i++) h[r * width + i] = sum[r * width + i] * scale * w[i];
    }
    return { x: sum, h };
  },
  prepare: (launcher, { width, addends }, { live, x, add, w, h }) =>
    rmsNormKernel(launcher, { label: "rms_norm", live, x, add, addends, w, h, width, eps: 1e-6 }),
  rows: ({ rows }) => rows,
  bytes: ({ rows, width, addends }) => 4 * width * (rows * (addends + (addends ? 3 : 2)) + 1),
  flops: ({ rows, width, addends }) => rows * width * (addends + 4),
}];
