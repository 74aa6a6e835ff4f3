/** y = x . W^T for dense layers and for rows grouped by expert, with the SwiGLU pair folded in. */
import headMemory from "./head_memory.wgsl" with { type: "text" };
import headSubgroup from "./head_subgroup.wgsl" with { type: "text" };
import matmul from "./matmul.wgsl" with { type: "text" };
import storeHead from "./store_head.wgsl" with { type: "text" };
import storeF32 from "./store_f32.wgsl" with { type: "text" };
import storeVec4 from "./store_vec4.wgsl" with { type: "text" };
import storeWide from "./store_wide.wgsl" with { type: "text" };
import { CPU_LANES, type Dispatch, type Launcher, onlyFor, type WgslFile } from "../launch.ts";
import { type Groups, mostTiles, rowsOf } from "./matmul_rows.ts";
import { runsOf, TEAMS, type TiledOptions, type TileShape, tileShapes } from "./matmul_tiles.ts";
import {
  type Arrays,
  exampleInputs,
  type KernelSpec,
  liveRows,
  roundedRows,
  storedWords,
  uniform,
  wordsValues,
} from "../spec.ts";
import {
  bytesOfRow,
  formatsName,
  PRODUCT_FORMATS,
  type ProductFormats,
  storedColumns,
  type Weight,
  wholeWeight,
} from "../weights/weight.ts";

const SHARED: WgslFile = { name: "kernels/matmul/matmul.wgsl", text: matmul };
const STORE_F32: WgslFile = { name: "kernels/matmul/store_f32.wgsl", text: storeF32 };
const STORE_HEAD: WgslFile = { name: "kernels/matmul/store_head.wgsl", text: storeHead };
const HEAD_MEMORY: WgslFile = { name: "kernels/matmul/head_memory.wgsl", text: headMemory };
const HEAD_SUBGROUP: WgslFile = { name: "kernels/matmul/head_subgroup.wgsl", text: headSubgroup };
const STORE_VEC4: WgslFile = { name: "kernels/matmul/store_vec4.wgsl", text: storeVec4 };
const STORE_WIDE: WgslFile = { name: "kernels/matmul/store_wide.wgsl", text: storeWide };

/** Buffers and options of one matmul. */
export interface MatmulOptions extends TiledOptions {
  readonly label: string;
  /** Counts of rows; unused by grouped matmuls, which read the tiles. */
  readonly live: GPUBuffer;
  /** Word of `live` with the number of rows: 0 all, 1 those that need logits. */
  readonly rowsAt?: 0 | 1;
  readonly x: GPUBuffer;
  readonly y: GPUBuffer;
  readonly groups?: Groups;
}

/**
 * Prepares y[rows, n] = x[rows, k] . w[n, k]^T, one dispatch per chunk of w, and of each one for few rows and
 * one for many where a GPU likes other tiles then; k must divide by 4.
 */
export async function matmulKernel(
  launcher: Launcher,
  options: MatmulOptions,
): Promise<Dispatch[]> {
  const { w } = options;
  if (w.columns % 4 !== 0) {
    throw new RangeError(
      `Cannot multiply "${options.label}": k is ${w.columns}, expected k % 4 = 0`,
    );
  }
  const prepared = tileShapes(launcher, options).map(async (tile) => {
    const dispatches = await tiledMatmul(launcher, options, tile);
    return tile.takes ? onlyFor(tile.takes, dispatches) : dispatches;
  });
  return (await Promise.all(prepared)).flat();
}

function tiledMatmul(
  launcher: Launcher,
  options: MatmulOptions,
  tile: TileShape,
): Promise<Dispatch[]> {
  const { w, groups, pair = false, head } = options;
  const { loop, lanes, columnLanes, TM, NW } = tile;
  const { parts, wParts, loads, constants } = runsOf(launcher, w, tile);
  const perWeight = pair ? 2 : 1;
  const stride = w.rows / perWeight;
  const meeting = launcher.subgroupSize === CPU_LANES && lanes === CPU_LANES
    ? HEAD_SUBGROUP
    : HEAD_MEMORY;
  const wholeHead = head && headGroups(launcher, w);
  const rowsFrom = rowsOf(launcher, options, {
    tileRows: TM,
    experts: w.experts,
    teams: loop === TEAMS,
  });
  const tilesFirst = launcher.target === "gpu";
  let headStart = 0;
  const prepared = w.chunks.map((chunk) => {
    const rows = w.experts > 1 ? w.rows : chunk.count;
    const start = w.experts > 1 ? 0 : chunk.start / perWeight;
    const store = storeOf(launcher, [stride, start, rows / perWeight, NW / perWeight]);
    const headAt = headStart;
    headStart += Math.ceil(rows / (columnLanes * NW));
    return launcher.prepare({
      label: options.label,
      files: [
        ...loads,
        ...rowsFrom.files,
        ...head ? [STORE_HEAD, meeting] : [store],
        SHARED,
        loop,
      ],
      constants: {
        TM,
        NW,
        HALF: NW >> 1,
        OUTPUTS: NW / perWeight,
        QUADS: NW / perWeight >> 2,
        PARTS: parts,
        LANES: lanes,
        PAIR: pair,
        SCALED: groups?.side === "down",
        TILES_FIRST: tilesFirst,
        ...rowsFrom.constants,
        ...constants,
        ...head && { MASK: head.mask, COLUMN_LANES: columnLanes },
      },
      params: {
        rows_at: options.rowsAt ?? 0,
        n: rows,
        k_runs: w.columns / (4 * parts),
        w_runs: storedColumns(w.format, w.columns) / (4 * wParts),
        y_start: head ? headAt : start,
        y_stride: wholeHead ?? stride,
        choices: groups?.side === "up" ? groups.choices : 1,
        expert_start: w.experts > 1 ? chunk.start : 0,
        expert_count: w.experts > 1 ? chunk.count : 1,
        w_start: start,
        merged: w.activations === "int8" ? 0x88888888 : 0x3f800000, // 8s, or 1.0
        zero: 0,
      },
      bindings: [
        rowsFrom.bindings[0],
        chunk.buffer,
        options.x,
        options.y,
        rowsFrom.bindings[1],
        groups?.routing,
        chunk.scales,
        rowsFrom.bindings[2],
      ],
      groups: (most) => {
        const columns = Math.ceil(rows / (columnLanes * NW));
        const tiles = rowsFrom.tiles(most);
        return tilesFirst ? [tiles, columns] : [columns, tiles];
      },
    });
  });
  return Promise.all(prepared);
}

/** What stores outputs: as many at once as divide all `sizes`. */
function storeOf({ target, int64 }: Launcher, sizes: readonly number[]): WgslFile {
  const divide = (by: number) => sizes.every((size) => size % by === 0);
  if (target === "cpu" && int64 && divide(8)) return STORE_WIDE;
  return divide(4) ? STORE_VEC4 : STORE_F32;
}

/** Partial results per row that a head over `w` leaves: one of each workgroup's columns. */
export function headGroups(launcher: Launcher, w: Weight): number {
  const [{ columnLanes, NW }] = tileShapes(launcher, { w, head: { mask: 0 } });
  return w.chunks.reduce((sum, { count }) => sum + Math.ceil(count / (columnLanes * NW)), 0);
}

type MatmulShape = { m: number; k: number; n: number };

/** Specs of the dense matmul, one for each formats of w and x. */
export const matmulSpecs: KernelSpec<MatmulShape>[] = PRODUCT_FORMATS.map((
  { format, activations },
) => ({
  name: `matmul ${formatsName({ format, activations })}`,
  shapes: [
    { m: 1, k: 4, n: 1 },
    { m: 7, k: 52, n: 13 },
    { m: 9, k: 64, n: 65 },
    { m: 33, k: 128, n: 256 },
    { m: 32, k: 200, n: 129 },
    { m: 5, k: 1316, n: 20 }, // more steps of a GPU's loop than are in flight
    { m: 5, k: 296, n: 1031 }, // four weight rows a team
    { m: 75, k: 64, n: 1029 }, // more rows than a GPU has small tiles for
  ],
  benchShapes: [
    { m: 32, k: 128, n: 256 },
    { m: 32, k: 128, n: 512 },
    { m: 32, k: 1024, n: 1024 },
    { m: 32, k: 2048, n: 2048 },
    { m: 32, k: 2048, n: 3072 },
    { m: 512, k: 512, n: 512 },
  ],
  tolerance: 2e-6, // f32 sums of k terms, rounded once a term
  inputs: ({ m, k, n }) => ({
    live: liveRows(m),
    x: exampleInputs({ rows: m, columns: k }, activations, 1),
    y: uniform(m * n, 3),
    ...storedWords(uniform(n * k, 2), format, k),
  }),
  reference: ({ m, k, n }, { x, w, scales }) => {
    const weights = wordsValues({ w, scales }, format, { rows: n, columns: k });
    const rounded = roundedRows(x as Float32Array, k, activations);
    const y = new Float64Array(m * n);
    for (let r = 0; r < m; r++) {
      for (let c = 0; c < n; c++) {
        for (let i = 0; i < k; i++) y[r * n + c] += rounded[r * k + i] * weights[c * k + i];
      }
    }
    return { y };
  },
  prepare: (launcher, { k, n }, { live, x, w, scales, y }) =>
    matmulKernel(launcher, {
      label: "matmul",
      live,
      x,
      y,
      w: wholeWeight(w, { format, activations, rows: n, columns: k, scales }),
    }),
  rows: ({ m }) => m,
  bytes: ({ m, k, n }) => 4 * (m * k + m * n) + n * bytesOfRow(format, k),
  flops: ({ m, k, n }) => 2 * m * k * n,
}));

type ExpertShape = {
  rows: number;
  k: number;
  f: number;
  experts: number;
  choices: number;
  tile: number;
};

/** Specs of the grouped matmuls: gate, up and SiLU by expert; and the weighted down projection. */
export const expertSpecs: KernelSpec<ExpertShape>[] = PRODUCT_FORMATS.flatMap((formats) => [
  expertSpec("up", formats),
  expertSpec("down", formats),
]);

/** Rows and columns of an expert's matrix. */
function matrixOf(side: Groups["side"], { k, f }: ExpertShape): { rows: number; columns: number } {
  return side === "up" ? { rows: 2 * f, columns: k } : { rows: k, columns: f };
}

function expertSpec(
  side: Groups["side"],
  { format, activations }: ProductFormats,
): KernelSpec<ExpertShape> {
  return {
    name: `experts ${side} ${formatsName({ format, activations })}`,
    shapes: [
      { rows: 1, k: 4, f: 4, experts: 1, choices: 1, tile: 8 },
      { rows: 5, k: 12, f: 20, experts: 3, choices: 2, tile: 4 },
      { rows: 17, k: 64, f: 32, experts: 9, choices: 3, tile: 8 },
      { rows: 33, k: 128, f: 64, experts: 17, choices: 5, tile: 4 },
      { rows: 9, k: 96, f: 36, experts: 11, choices: 3, tile: 2 },
      { rows: 40, k: 40, f: 24, experts: 3, choices: 2, tile: 16 }, // a CPU driver's in training
      { rows: 7, k: 32, f: 4, experts: 3, choices: 2, tile: 2 },
    ],
    benchShapes: [
      { rows: 32, k: 128, f: 64, experts: 17, choices: 5, tile: 8 },
      { rows: 32, k: 512, f: 128, experts: 33, choices: 5, tile: 4 },
    ],
    tolerance: 4e-6, // f32 sums of k terms, then one exp and three products
    inputs: (shape) => {
      const { rows, k, f, experts, choices, tile } = shape;
      const matrix = matrixOf(side, shape);
      const { columns } = matrix;
      const { order, tiles, chosen, pairs } = exampleGroups(rows * choices, experts, tile);
      const inner = { rows: side === "up" ? rows : rows * choices, columns };
      const outer = side === "up" ? rows * choices * f : rows * choices * k;
      return {
        live: liveRows(rows),
        order,
        tiles,
        chosen,
        pairs, // of the down side; the up side writes the same
        routing: uniform(rows * choices, 4),
        x: exampleInputs(inner, activations, 5),
        y: uniform(outer, 7),
        ...storedWords(uniform(experts * matrix.rows * columns, 6), format, columns),
      };
    },
    reference: (shape, inputs) => ({
      y: expertOutputs(shape, inputs, { side, format, activations }),
      pairs: inputs.pairs,
    }),
    prepare: (launcher, shape, b) =>
      matmulKernel(launcher, {
        label: `experts ${side}`,
        live: b.live,
        x: b.x,
        y: b.y,
        pair: side === "up",
        w: wholeWeight(b.w, {
          format,
          activations,
          experts: shape.experts,
          ...matrixOf(side, shape),
          scales: b.scales,
        }),
        groups: {
          order: b.order,
          tiles: b.tiles,
          pairs: { chosen: b.chosen, found: b.pairs },
          routing: b.routing,
          choices: shape.choices,
          tileRows: shape.tile,
          side,
        },
      }),
    rows: ({ rows }) => rows,
    bytes: (shape) => {
      const { rows, k, f, experts, choices } = shape;
      const matrix = matrixOf(side, shape);
      const weights = experts * matrix.rows * bytesOfRow(format, matrix.columns);
      return weights + 4 * (rows * choices * f + rows * k);
    },
    flops: ({ rows, k, f, choices }) => 2 * rows * choices * f * k * (side === "up" ? 2 : 1),
  };
}

/** What every assignment's expert makes of it, in float64. */
function expertOutputs(
  shape: ExpertShape,
  { order, tiles, routing, x, w, scales }: Arrays,
  { side, format, activations }: ProductFormats & { side: Groups["side"] },
): Float64Array {
  const { k, f, choices, rows, experts } = shape;
  const n = side === "up" ? f : k;
  const matrix = matrixOf(side, shape);
  const inner = matrix.columns;
  const all = { rows: experts * matrix.rows, columns: inner };
  const weights = wordsValues({ w, scales }, format, all);
  const rounded = roundedRows(x as Float32Array, inner, activations);
  const y = new Float64Array(rows * choices * n);
  const dot = (row: number, weightRow: number) => {
    let sum = 0;
    for (let i = 0; i < inner; i++) {
      sum += rounded[row * inner + i] * weights[weightRow * inner + i];
    }
    return sum;
  };
  for (let t = 1; t <= tiles[0]; t++) {
    const [expert, start, count] = tiles.subarray(t * 4);
    for (const a of order.subarray(start, start + count)) {
      for (let c = 0; c < n; c++) {
        if (side === "down") y[a * n + c] = dot(a, expert * n + c) * routing[a];
        else {
          const row = Math.floor(a / choices);
          const gate = dot(row, (expert * n + c) * 2);
          y[a * n + c] = gate / (1 + Math.exp(-gate)) * dot(row, (expert * n + c) * 2 + 1);
        }
      }
    }
  }
  return y;
}

/** Assignments dealt to experts, unevenly unless told how; some experts stay empty. */
export function exampleGroups(
  assignments: number,
  experts: number,
  tile: number,
  expertOf = Array.from({ length: assignments }, (_, a) => (a * a + 3 * a) % experts),
) {
  const order: number[] = [];
  const tiles: number[] = [];
  const segments: number[] = [];
  const pairs = new Uint32Array(4 * assignments);
  for (let e = 0; e < experts; e++) {
    const mine = expertOf.flatMap((expert, a) => expert === e ? [a] : []);
    segments.push(order.length, mine.length);
    for (let i = 0; i < mine.length; i += tile) {
      tiles.push(e, order.length + i, Math.min(tile, mine.length - i), 0);
    }
    for (const [i, a] of mine.entries()) {
      const count = i % 2 === 1 ? 0 : Math.min(2, mine.length - i);
      pairs.set([e, a, count, mine[i + 1] ?? a], 4 * a);
    }
    order.push(...mine);
  }
  const room = 4 * (1 + mostTiles(assignments, experts, tile));
  const table = new Uint32Array(room);
  table.set([tiles.length / 4, 0, 0, 0, ...tiles]);
  const [list, parts, chosen] = [order, segments, expertOf].map((all) => Uint32Array.from(all));
  return { order: list, tiles: table, segments: parts, chosen, pairs };
}
