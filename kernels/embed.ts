/** Token embedding lookup. */
import source from "./embed.wgsl" with { type: "text" };
import type { Dispatch, Launcher } from "./launch.ts";
import { type KernelSpec, liveRows, storedWords, uniform, wordsValues } from "./spec.ts";
import {
  bytesOfRow,
  storedColumns,
  type Weight,
  WEIGHT_FILES,
  WEIGHT_FORMATS,
  wholeWeight,
} from "./weight.ts";

/** Prepares x[row] = table[token of row]; `rows` holds (slot, position, token, keys). */
export function embedKernel(
  launcher: Launcher,
  options: { label: string; live: GPUBuffer; rows: GPUBuffer; table: Weight; x: GPUBuffer },
): Promise<Dispatch[]> {
  const { table } = options;
  const lanes = launcher.target === "gpu" ? 64 : 8;
  return Promise.all(table.chunks.map((chunk) =>
    launcher.prepare({
      label: options.label,
      files: [...WEIGHT_FILES[table.format], { name: "kernels/embed.wgsl", text: source }],
      constants: { LANES: lanes },
      params: {
        rows_at: 0,
        width4: table.columns / 4,
        stride4: storedColumns(table.format, table.columns) / 4,
        first: chunk.start,
        count: chunk.count,
      },
      bindings: [
        options.live,
        chunk.buffer,
        options.rows,
        options.x,
        undefined,
        undefined,
        chunk.scales,
      ],
      groups: (rows) => [Math.ceil(table.columns / 4 / lanes), rows],
    })
  ));
}

type Shape = { rows: number; width: number; vocab: number };

/** Checks and times the lookup in the formats that a table may have. */
export const embedSpecs: KernelSpec<Shape>[] = WEIGHT_FORMATS.map((format) => ({
  name: `embed ${format}`,
  shapes: [{ rows: 1, width: 4, vocab: 1 }, { rows: 33, width: 132, vocab: 97 }],
  benchShapes: [{ rows: 32, width: 128, vocab: 512 }, { rows: 32, width: 2048, vocab: 1024 }],
  tolerance: 0, // a copy
  inputs: ({ rows, width, vocab }) => ({
    live: liveRows(rows),
    rows: Uint32Array.from({ length: rows * 4 }, (_, i) => i % 4 === 2 ? (i * 7) % vocab : 0),
    x: uniform(rows * width, 2),
    ...storedWords(uniform(vocab * width, 1), format, width),
  }),
  reference: ({ rows: count, width, vocab }, { rows, w, scales }) => {
    const table = wordsValues({ w, scales }, format, { rows: vocab, columns: width });
    return {
      x: Float64Array.from({ length: count * width }, (_, i) => {
        const token = rows[Math.floor(i / width) * 4 + 2];
        return table[token * width + i % width];
      }),
    };
  },
  prepare: (launcher, { width, vocab }, { live, rows, w, scales, x }) =>
    embedKernel(launcher, {
      label: "embed",
      live,
      rows,
      table: wholeWeight(w, { format, rows: vocab, columns: width, scales }),
      x,
    }),
  rows: ({ rows }) => rows,
  bytes: ({ rows, width }) => rows * (4 * width + bytesOfRow(format, width)),
  flops: () => 0,
}));
