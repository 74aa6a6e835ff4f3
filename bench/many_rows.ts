/**
 * A kernel for products of many rows on GPUs, larger tiles than the teams', beside which `bench --only tiles` times
 * it: a trial, with the teams' bits (docs/performance-log.md).
 */
import type { Dispatch, Launcher } from "../kernels/launch.ts";
import matmul from "../kernels/matmul/matmul.wgsl" with { type: "text" };
import { PLAIN } from "../kernels/matmul/matmul_rows.ts";
import store from "../kernels/matmul/store_f32.wgsl" with { type: "text" };
import xQuads from "../kernels/matmul/x_quads.wgsl" with { type: "text" };
import { BLOCK } from "../kernels/weights/blocks.ts";
import {
  pieceQuads,
  rawParts,
  rawWeightFiles,
  storedColumns,
  type Weight,
} from "../kernels/weights/weight.ts";
import source from "./many_rows.wgsl" with { type: "text" };

/** Rows and weight rows of a workgroup, its lanes, and sums of a lane in a row. */
const [TM, TN, LANES, NW] = [64, 128, 128, 8];

/** Prepares y[rows, n] = x[rows, k] . w[n, k]^T for a weight in one buffer; x is not rounded. */
export async function manyRowsKernel(
  launcher: Launcher,
  { label, live, x, y, w }: {
    readonly label: string;
    readonly live: GPUBuffer;
    readonly x: GPUBuffer;
    readonly y: GPUBuffer;
    readonly w: Weight;
  },
): Promise<Dispatch[]> {
  const { format, columns, rows, chunks: [chunk] } = w;
  const piece = pieceQuads(format, columns, NW);
  const pieces = BLOCK / 4 / piece;
  return [
    await launcher.prepare({
      label,
      files: [
        { name: "kernels/matmul/x_quads.wgsl", text: xQuads },
        ...rawWeightFiles(w),
        PLAIN,
        { name: "kernels/matmul/store_f32.wgsl", text: store },
        { name: "kernels/matmul/matmul.wgsl", text: matmul },
        { name: "bench/many_rows.wgsl", text: source },
      ],
      constants: {
        ...{ TM, TN, LANES, NW },
        HALF: NW / 2,
        OUTPUTS: NW,
        PAIR: false,
        WHOLE_BLOCKS: columns % BLOCK === 0,
        PIECE_QUADS: piece,
        PIECES: pieces,
        PAIRS: piece / 2,
        X_LOADS: TM * BLOCK / 4 / LANES,
        W_LOADS: TN * pieces / LANES,
      },
      params: {
        rows_at: 0,
        n: rows,
        k_runs: columns / 4,
        w_runs: storedColumns(format, columns) / (4 * rawParts(format, columns)),
        y_start: 0,
        y_stride: rows,
        choices: 1,
        expert_start: 0,
        expert_count: 1,
        w_start: 0,
        merged: 0x3f800000,
        zero: 0,
      },
      bindings: [live, chunk.buffer, x, y, undefined, undefined, chunk.scales],
      groups: (most) => [Math.ceil(most / TM), Math.ceil(rows / TN)],
    }),
  ];
}
