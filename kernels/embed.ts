/** Token embedding lookup and its gradient. */
import gradSource from "./embed_grad.wgsl" with { type: "text" };
import source from "./embed.wgsl" with { type: "text" };
import { CPU_LANES, type Dispatch, type Launcher } from "./launch.ts";
import { type KernelSpec, liveRows, storedWords, uniform, wordsValues } from "./spec.ts";
import {
  bytesOfRow,
  storedColumns,
  type Weight,
  WEIGHT_FILES,
  WEIGHT_FORMATS,
  wholeWeight,
} from "./weights/weight.ts";

/** Prepares x[row] = table[token of row]; `rows` holds (slot, position, token, keys). */
export function embedKernel(
  launcher: Launcher,
  options: { label: string; live: GPUBuffer; rows: GPUBuffer; table: Weight; x: GPUBuffer },
): Promise<Dispatch[]> {
  const { table } = options;
  const lanes = launcher.target === "gpu" ? 64 : CPU_LANES;
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

/** Ids along one side of a dispatch: a vocabulary may have more than a side may have workgroups. */
const SIDE = 1 << 15;

/** Prepares the gradient of a table from that of its looked-up rows, which it sums in `order`. */
export function embedGradKernel(
  launcher: Launcher,
  { label, dx, order, segments, table, add }: {
    readonly label: string;
    /** [rows, width] */
    readonly dx: GPUBuffer;
    /** [rows] rows sorted by token. */
    readonly order: GPUBuffer;
    /** [vocab] vec2u: where a token's rows start in `order`, and their count. */
    readonly segments: GPUBuffer;
    /** The gradient, f32. */
    readonly table: Weight;
    /** Whether it is added to; else all of it is written, with 0 where a token has no row. */
    readonly add: boolean;
  },
): Promise<Dispatch[]> {
  const width4 = table.columns / 4;
  const lanes = launcher.target === "gpu" ? 64 : CPU_LANES;
  const columns = Math.min(4, Math.ceil(width4 / lanes));
  const stretches = Math.ceil(width4 / (lanes * columns));
  return Promise.all(table.chunks.map(({ buffer, start, count }) =>
    launcher.prepare({
      label,
      files: [{ name: "kernels/embed_grad.wgsl", text: gradSource }],
      constants: { LANES: lanes, COLUMNS: columns, SIDE, ADDED: add },
      params: { width4, first: start, count },
      bindings: [dx, buffer, order, segments],
      groups: () => [stretches, Math.min(SIDE, count), Math.ceil(count / SIDE)],
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

/** Token of a row in the gradient's specs: the last one of the vocabulary has most of the rows. */
function tokenOf(row: number, vocab: number): number {
  return row % 3 === 0 ? row * 7 % vocab : vocab - 1;
}

function joined(low: ArrayLike<number>, high: ArrayLike<number>): Float64Array {
  const all = new Float64Array(low.length + high.length);
  all.set(low);
  all.set(high, low.length);
  return all;
}

/** Checks and times the gradient, written and added to; the table is in two chunks where it can be. */
export const embedGradSpecs: KernelSpec<Shape>[] = [false, true].map((add) => ({
  name: add ? "embed_grad added" : "embed_grad",
  shapes: [
    { rows: 1, width: 4, vocab: 1 },
    { rows: 7, width: 8, vocab: 9 },
    { rows: 33, width: 12, vocab: 11 },
    { rows: 40, width: 2060, vocab: 5 },
    { rows: 3, width: 4, vocab: 2 * SIDE + 10 },
  ],
  benchShapes: [{ rows: 1024, width: 128, vocab: 512 }, { rows: 256, width: 2048, vocab: 1024 }],
  tolerance: 2e-6, // f32 sums of most of the rows
  inputs: ({ rows, width, vocab }) => {
    const all = Array.from({ length: rows }, (_, row) => row);
    const order = all.toSorted((a, b) => tokenOf(a, vocab) - tokenOf(b, vocab) || a - b);
    const segments = new Uint32Array(2 * vocab);
    for (const [at, row] of order.entries()) {
      const segment = segments.subarray(2 * tokenOf(row, vocab));
      if (segment[1]++ === 0) segment[0] = at;
    }
    const half = Math.ceil(vocab / 2) * width;
    const table = uniform(vocab * width, 2);
    return {
      dx: uniform(rows * width, 1),
      order: Uint32Array.from(order),
      segments,
      low: table.subarray(0, half),
      high: table.subarray(half),
    };
  },
  reference: ({ rows, width, vocab }, { dx, low, high }) => {
    const table = add ? joined(low, high) : new Float64Array(vocab * width);
    for (let i = 0; i < rows * width; i++) {
      table[tokenOf(Math.floor(i / width), vocab) * width + i % width] += dx[i];
    }
    return { low: table.subarray(0, low.length), high: table.subarray(low.length) };
  },
  prepare: (launcher, { width, vocab }, { dx, order, segments, low, high }) => {
    const half = Math.ceil(vocab / 2);
    const chunks = [
      { buffer: low, start: 0, count: half },
      { buffer: high, start: half, count: vocab - half },
    ];
    const table = { format: "f32", experts: 1, rows: vocab, columns: width, chunks } as const;
    return embedGradKernel(launcher, { label: "embed_grad", dx, order, segments, table, add });
  },
  rows: ({ rows }) => rows,
  bytes: ({ rows, width, vocab }) => 4 * width * (rows + vocab),
  flops: ({ rows, width }) => rows * width,
  gradient: {
    // The lookup is linear: that the table holds a gradient here changes nothing.
    forward: ({ rows, width, vocab }, { low, high }) => {
      const table = joined(low, high);
      return {
        x: Float64Array.from({ length: rows * width }, (_, i) => {
          return table[tokenOf(Math.floor(i / width), vocab) * width + i % width];
        }),
      };
    },
    upstream: { x: "dx" },
    of: { low: "low", high: "high" },
    added: add ? ["low", "high"] : [],
  },
}));
