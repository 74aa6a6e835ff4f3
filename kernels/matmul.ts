/** y = x . W^T for dense layers and for rows grouped by expert, with the SwiGLU pair folded in. */
import matmul from "./matmul.wgsl" with { type: "text" };
import registers from "./matmul_registers.wgsl" with { type: "text" };
import subgroup from "./matmul_subgroup.wgsl" with { type: "text" };
import shared from "./matmul_shared.wgsl" with { type: "text" };
import shares from "./shares.wgsl" with { type: "text" };
import sharesMemory from "./shares_memory.wgsl" with { type: "text" };
import sharesSubgroup from "./shares_subgroup.wgsl" with { type: "text" };
import xQuads from "./x_quads.wgsl" with { type: "text" };
import grouped from "./rows_grouped.wgsl" with { type: "text" };
import plain from "./rows_plain.wgsl" with { type: "text" };
import block from "./runs_block.wgsl" with { type: "text" };
import narrow from "./runs_narrow.wgsl" with { type: "text" };
import wide from "./runs_wide.wgsl" with { type: "text" };
import tilesGrouped from "./tiles_grouped.wgsl" with { type: "text" };
import storeHead from "./store_head.wgsl" with { type: "text" };
import storeF32 from "./store_f32.wgsl" with { type: "text" };
import storeVec4 from "./store_vec4.wgsl" with { type: "text" };
import { BLOCK } from "./blocks.ts";
import {
  type Constants,
  CPU_LANES,
  type Dispatch,
  type Launcher,
  type WgslFile,
} from "./launch.ts";
import { type KernelSpec, liveRows, storedWords, uniform, wordsValues } from "./spec.ts";
import {
  BLOCK_WEIGHT_FILES,
  bytesOfRow,
  inBlocks,
  pieceQuads,
  rawParts,
  rawWeightFiles,
  storedColumns,
  type Weight,
  WEIGHT_FILES,
  WEIGHT_FORMATS,
  type WeightFormat,
  wholeWeight,
  WIDE_WEIGHT_FILES,
} from "./weight.ts";

const SHARED: WgslFile = { name: "kernels/matmul.wgsl", text: matmul };
/** Rows of a dense matmul. */
export const PLAIN: WgslFile = { name: "kernels/rows_plain.wgsl", text: plain };
/** Rows of an expert matmul, and the tiles that `group` cuts them into. */
export const GROUPED: WgslFile = { name: "kernels/rows_grouped.wgsl", text: grouped };
/** Those tiles. */
export const GROUPED_TILES: WgslFile = { name: "kernels/tiles_grouped.wgsl", text: tilesGrouped };
const BLOCK_RUNS: WgslFile = { name: "kernels/runs_block.wgsl", text: block };
const X_QUADS: WgslFile = { name: "kernels/x_quads.wgsl", text: xQuads };
const NARROW: WgslFile = { name: "kernels/runs_narrow.wgsl", text: narrow };
/** Eight values of x at a time. */
export const WIDE: WgslFile = { name: "kernels/runs_wide.wgsl", text: wide };
const STORE_F32: WgslFile = { name: "kernels/store_f32.wgsl", text: storeF32 };
const STORE_HEAD: WgslFile = { name: "kernels/store_head.wgsl", text: storeHead };
const STORE_VEC4: WgslFile = { name: "kernels/store_vec4.wgsl", text: storeVec4 };
const REGISTERS: WgslFile = { name: "kernels/matmul_registers.wgsl", text: registers };
const SUBGROUP: WgslFile = { name: "kernels/matmul_subgroup.wgsl", text: subgroup };
const SHARES_FILE: WgslFile = { name: "kernels/shares.wgsl", text: shares };
const SUBGROUP_SHARES: WgslFile = { name: "kernels/shares_subgroup.wgsl", text: sharesSubgroup };
const MEMORY_SHARES: WgslFile = { name: "kernels/shares_memory.wgsl", text: sharesMemory };
const SHARED_ROWS: WgslFile = { name: "kernels/matmul_shared.wgsl", text: shared };

/** Rows grouped by expert, as `route` and `group` leave them. */
export interface Groups {
  readonly order: GPUBuffer;
  readonly tiles: GPUBuffer;
  readonly routing: GPUBuffer;
  /** Choices a row, shared experts included. */
  readonly choices: number;
  /** Rows of a tile; must be the `tileRows` given to `group`. */
  readonly tileRows: number;
  /** Whether x has a row per assignment (down projection, weighted by routing) or per token. */
  readonly side: "up" | "down";
}

/** Buffers and options of one matmul. */
export interface MatmulOptions {
  readonly label: string;
  /** Counts of rows; unused by grouped matmuls, which read the tiles. */
  readonly live: GPUBuffer;
  /** Word of `live` with the number of rows: 0 all, 1 those that need logits. */
  readonly rowsAt?: 0 | 1;
  readonly x: GPUBuffer;
  readonly w: Weight;
  readonly y: GPUBuffer;
  /** Weight rows are (gate, up) pairs and y = silu(gate) * up. */
  readonly pair?: boolean;
  readonly groups?: Groups;
  /** y becomes [rows, headGroups] partial results of a greedy draw that never takes `mask`. */
  readonly head?: { readonly mask: number };
  /** Rows a tile may have; a hint for speed alone. */
  readonly tileRows?: number;
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
  const prepared = tileShapes(launcher, options).map((tile) =>
    tiledMatmul(launcher, options, tile)
  );
  return (await Promise.all(prepared)).flat();
}

function tiledMatmul(
  launcher: Launcher,
  options: MatmulOptions,
  tile: TileShape,
): Promise<Dispatch[]> {
  const { w, groups, pair = false, head } = options;
  const { loop, lanes, columnLanes, TM, NW, takes = () => true } = tile;
  const { parts, wParts, loads, constants } = runsOf(launcher, w, tile);
  const perWeight = pair ? 2 : 1;
  const stride = w.rows / perWeight;
  const wholeHead = head && headGroups(launcher, w);
  let headStart = 0;
  const prepared = w.chunks.map((chunk) => {
    const rows = w.experts > 1 ? w.rows : chunk.count;
    const start = w.experts > 1 ? 0 : chunk.start / perWeight;
    const quads = [stride, start, rows / perWeight, NW / perWeight].every((n) => n % 4 === 0);
    const headAt = headStart;
    headStart += Math.ceil(rows / (columnLanes * NW));
    return launcher.prepare({
      label: options.label,
      files: [
        ...loads,
        ...groups ? [GROUPED, GROUPED_TILES] : [PLAIN],
        head ? STORE_HEAD : quads ? STORE_VEC4 : STORE_F32,
        SHARED,
        loop,
      ],
      constants: {
        TM,
        NW,
        HALF: NW >> 1,
        OUTPUTS: NW / perWeight,
        QUADS: quads ? NW / perWeight / 4 : 0,
        PARTS: parts,
        LANES: lanes,
        PAIR: pair,
        SCALED: groups?.side === "down",
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
      },
      bindings: [
        groups?.tiles ?? options.live,
        chunk.buffer,
        options.x,
        options.y,
        groups?.order,
        groups?.routing,
        chunk.scales,
      ],
      groups: (most) =>
        takes(most)
          ? [
            Math.ceil(rows / (columnLanes * NW)),
            groups ? mostTiles(most * groups.choices, w.experts, TM) : Math.ceil(most / TM),
          ]
          : [0],
    });
  });
  return Promise.all(prepared);
}

/** Rows of a tile up to which whole blocks pay: with more, their values spill from the registers. */
const FEW_ROWS = 4;

/** Files that load x and w, in how many groups of four channels each is counted, and what they need. */
function runsOf(
  launcher: Launcher,
  { format, columns }: Weight,
  { lanes, TM, NW, guarded }: TileShape,
): { parts: number; wParts: number; loads: readonly WgslFile[]; constants: Constants } {
  if (launcher.target === "gpu") {
    const sums = launcher.subgroupSize >= SHARES ? SUBGROUP_SHARES : MEMORY_SHARES;
    const piece = pieceQuads(format, columns, NW);
    return {
      parts: 1,
      wParts: rawParts(format, columns),
      loads: [X_QUADS, SHARES_FILE, sums, ...rawWeightFiles(format, columns)],
      constants: {
        LOADS: TM * STAGE_QUADS / lanes,
        ROW_QUADS: TM * BLOCK / 4,
        PIECE_QUADS: piece,
        PIECES: BLOCK / 4 / piece,
        PAIRS: piece / 2,
        GUARDED: guarded,
        GUARDS: TM / guarded,
        TURNS: Math.ceil(TM / SHARES),
        TURN_SUMS: Math.min(TM, SHARES) * NW / 4,
      },
    };
  }
  const same = (parts: number, loads: readonly WgslFile[]) => {
    const constants = { XG: Math.ceil(TM / lanes) };
    return { parts, wParts: parts, loads, constants };
  };
  if (launcher.int64 && inBlocks(format) && columns % BLOCK === 0 && TM <= FEW_ROWS) {
    return same(BLOCK / 4, [BLOCK_RUNS, ...BLOCK_WEIGHT_FILES[format]]);
  }
  if (launcher.int64 && columns % 8 === 0) return same(2, [WIDE, ...WIDE_WEIGHT_FILES[format]]);
  return same(1, [...WEIGHT_FILES[format], NARROW]);
}

/** Partial results per row that a head over `w` leaves: one of each workgroup's columns. */
export function headGroups(launcher: Launcher, w: Weight): number {
  const [{ columnLanes, NW }] = tileShapes(launcher, { w, head: { mask: 0 } });
  return w.chunks.reduce((sum, { count }) => sum + Math.ceil(count / (columnLanes * NW)), 0);
}

/** A loop over k and its tile: TM rows by NW weight rows a lane. Any choice gives the same bits. */
interface TileShape {
  readonly loop: WgslFile;
  readonly lanes: number;
  /** Lanes, or teams of them, that have other weight rows. */
  readonly columnLanes: number;
  readonly TM: number;
  readonly NW: number;
  /** Rows that are skipped together where a tile does not have them; of GPUs. */
  readonly guarded: number;
  /** Whether passes of so many rows are its own; all, unless given. */
  readonly takes?: (rows: number) => boolean;
}

/** Lanes of a GPU that share a weight row, and groups of four channels that they take in a step. */
const SHARES = 8;
const STAGE_QUADS = SHARES * BLOCK / 4;

/** Rows up to which a GPU has too few tiles of 16 to be busy. */
const FEW_TILES = 64;

/** Weight rows up to which a GPU gives each team one alone, since there are few teams. */
const FEW_WEIGHT_ROWS = 1024;

type TiledOptions = Pick<MatmulOptions, "w" | "groups" | "pair" | "tileRows" | "head">;

/** What suits the launcher's target. */
function tileShapes(launcher: Launcher, options: TiledOptions): readonly TileShape[] {
  return launcher.target === "gpu" ? gpuTiles(options) : [cpuTile(launcher, options)];
}

/** Measured on an H100 (docs/performance-log.md). */
function gpuTiles({ w, groups, pair, tileRows, head }: TiledOptions): readonly TileShape[] {
  const lanes = head ? 256 : 128;
  const NW = !pair && !head && w.rows <= FEW_WEIGHT_ROWS ? 1 : 4;
  const tile = (TM: number, takes?: TileShape["takes"]): TileShape => {
    const guarded = groups ? 1 : 4;
    return { loop: SHARED_ROWS, lanes, columnLanes: lanes / SHARES, TM, NW, guarded, takes };
  };
  if (groups) return [tile(groups.tileRows)];
  if (head) return [tile(16)];
  if (tileRows) return [tile(Math.max(4, tileRows))];
  return [tile(4, (rows) => rows <= FEW_TILES), tile(16, (rows) => rows > FEW_TILES)];
}

/** 64 sums a lane balance loads against registers. */
function cpuTile(
  launcher: Launcher,
  { w, groups, pair = false, tileRows }: TiledOptions,
): TileShape {
  const shuffles = launcher.subgroupSize === CPU_LANES;
  const TM = groups?.tileRows ?? Math.min(tileRows ?? 16, shuffles ? 16 : 8);
  const most = TM > 8 ? 4 : 8;
  const NW = weightRowsPerLane(w.rows, { columnLanes: CPU_LANES, pair, most });
  const loop = shuffles ? SUBGROUP : REGISTERS;
  return { loop, lanes: CPU_LANES, columnLanes: CPU_LANES, TM, NW, guarded: TM };
}

/** Upper bound of tiles when `assignments` rows fall on `experts` experts, `tileRows` to a tile. */
export function mostTiles(assignments: number, experts: number, tileRows: number): number {
  return Math.min(assignments, Math.floor(assignments / tileRows) + experts);
}

/** Sums a lane keeps per row: as many as leave no lane idle. */
function weightRowsPerLane(
  rows: number,
  { columnLanes, pair, most }: { columnLanes: number; pair: boolean; most: number },
): number {
  let width = most;
  while (width > (pair ? 2 : 1) && width * columnLanes > rows) width /= 2;
  return width;
}

type MatmulShape = { m: number; k: number; n: number };

/** Specs of the dense matmul, one per weight format and per target shape of its tile. */
export const matmulSpecs: KernelSpec<MatmulShape>[] = WEIGHT_FORMATS.map((format) => ({
  name: `matmul ${format}`,
  shapes: [
    { m: 1, k: 4, n: 1 },
    { m: 7, k: 52, n: 13 },
    { m: 9, k: 64, n: 65 },
    { m: 33, k: 128, n: 256 },
    { m: 32, k: 200, n: 129 },
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
    x: uniform(m * k, 1),
    y: uniform(m * n, 3),
    ...storedWords(uniform(n * k, 2), format, k),
  }),
  reference: ({ m, k, n }, { x, w, scales }) => {
    const weights = wordsValues({ w, scales }, format, { rows: n, columns: k });
    const y = new Float64Array(m * n);
    for (let r = 0; r < m; r++) {
      for (let c = 0; c < n; c++) {
        for (let i = 0; i < k; i++) y[r * n + c] += x[r * k + i] * weights[c * k + i];
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
      w: wholeWeight(w, { format, rows: n, columns: k, scales }),
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
export const expertSpecs: KernelSpec<ExpertShape>[] = WEIGHT_FORMATS.flatMap((format) => [
  expertSpec("up", format),
  expertSpec("down", format),
]);

function expertSpec(side: "up" | "down", format: WeightFormat): KernelSpec<ExpertShape> {
  const rowsOf = ({ k, f }: ExpertShape) => side === "up" ? 2 * f : k;
  const columnsOf = ({ k, f }: ExpertShape) => side === "up" ? k : f;
  return {
    name: `experts ${side} ${format}`,
    shapes: [
      { rows: 1, k: 4, f: 4, experts: 1, choices: 1, tile: 8 },
      { rows: 5, k: 12, f: 20, experts: 3, choices: 2, tile: 4 },
      { rows: 17, k: 64, f: 32, experts: 9, choices: 3, tile: 8 },
      { rows: 33, k: 128, f: 64, experts: 17, choices: 5, tile: 4 },
    ],
    benchShapes: [
      { rows: 32, k: 128, f: 64, experts: 17, choices: 5, tile: 8 },
      { rows: 32, k: 512, f: 128, experts: 33, choices: 5, tile: 4 },
    ],
    tolerance: 4e-6, // f32 sums of k terms, then one exp and three products
    inputs: (shape) => {
      const { rows, k, f, experts, choices, tile } = shape;
      const columns = columnsOf(shape);
      const { order, tiles } = exampleGroups(rows * choices, experts, tile);
      const inner = side === "up" ? rows * k : rows * choices * f;
      const outer = side === "up" ? rows * choices * f : rows * choices * k;
      return {
        live: liveRows(rows),
        order,
        tiles,
        routing: uniform(rows * choices, 4),
        x: uniform(inner, 5),
        y: uniform(outer, 7),
        ...storedWords(uniform(experts * rowsOf(shape) * columns, 6), format, columns),
      };
    },
    reference: (shape, { order, tiles, routing, x, w, scales }) => {
      const { k, f, choices, rows, experts } = shape;
      const n = side === "up" ? f : k;
      const inner = columnsOf(shape);
      const weights = wordsValues({ w, scales }, format, {
        rows: experts * rowsOf(shape),
        columns: inner,
      });
      const y = new Float64Array(rows * choices * n);
      const dot = (row: number, weightRow: number) => {
        let sum = 0;
        for (let i = 0; i < inner; i++) sum += x[row * inner + i] * weights[weightRow * inner + i];
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
      return { y };
    },
    prepare: (launcher, shape, b) =>
      matmulKernel(launcher, {
        label: `experts ${side}`,
        live: b.live,
        x: b.x,
        y: b.y,
        pair: side === "up",
        w: wholeWeight(b.w, {
          format,
          experts: shape.experts,
          rows: rowsOf(shape),
          columns: columnsOf(shape),
          scales: b.scales,
        }),
        groups: {
          order: b.order,
          tiles: b.tiles,
          routing: b.routing,
          choices: shape.choices,
          tileRows: shape.tile,
          side,
        },
      }),
    rows: ({ rows }) => rows,
    bytes: (shape) => {
      const { rows, k, f, experts, choices } = shape;
      const weights = experts * rowsOf(shape) * bytesOfRow(format, columnsOf(shape));
      return weights + 4 * (rows * choices * f + rows * k);
    },
    flops: ({ rows, k, f, choices }) => 2 * rows * choices * f * k * (side === "up" ? 2 : 1),
  };
}

/** Assignments dealt to experts unevenly; some experts stay empty. */
export function exampleGroups(assignments: number, experts: number, tile: number) {
  const expertOf = Array.from({ length: assignments }, (_, a) => (a * a + 3 * a) % experts);
  const order: number[] = [];
  const tiles: number[] = [];
  const segments: number[] = [];
  for (let e = 0; e < experts; e++) {
    const mine = expertOf.flatMap((expert, a) => expert === e ? [a] : []);
    segments.push(order.length, mine.length);
    for (let i = 0; i < mine.length; i += tile) {
      tiles.push(e, order.length + i, Math.min(tile, mine.length - i), 0);
    }
    order.push(...mine);
  }
  const room = 4 * (1 + mostTiles(assignments, experts, tile));
  const table = new Uint32Array(room);
  table.set([tiles.length / 4, 0, 0, 0, ...tiles]);
  return { order: Uint32Array.from(order), tiles: table, segments: Uint32Array.from(segments) };
}
