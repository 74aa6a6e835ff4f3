/** Gradients of y = x . W^T by x and by W, for dense layers and for rows grouped by expert. */
import gradient from "./matmul_grad.wgsl" with { type: "text" };
import narrow from "./matmul_grad_narrow.wgsl" with { type: "text" };
import quads from "./matmul_grad_quads.wgsl" with { type: "text" };
import registers from "./matmul_grad_registers.wgsl" with { type: "text" };
import runs from "./matmul_grad_runs.wgsl" with { type: "text" };
import subgroup from "./matmul_grad_subgroup.wgsl" with { type: "text" };
import tiled from "./matmul_grad_tiled.wgsl" with { type: "text" };
import wide from "./matmul_grad_wide.wgsl" with { type: "text" };
import segments from "./tiles_segments.wgsl" with { type: "text" };
import { CPU_LANES, type Dispatch, type Launcher, type WgslFile } from "../launch.ts";
import { exampleGroups } from "./matmul.ts";
import { GROUPED, GROUPED_TILES, type Groups, mostTiles, PLAIN } from "./matmul_rows.ts";
import { WIDE } from "./matmul_tiles.ts";
import { type KernelSpec, liveRows, uniform } from "../spec.ts";
import {
  type Weight,
  WEIGHT_FILES,
  type WeightChunk,
  wholeWeight,
  WIDE_WEIGHT_FILES,
} from "../weights/weight.ts";

const SHARED: WgslFile = { name: "kernels/matmul/matmul_grad.wgsl", text: gradient };
const RUNS: WgslFile = { name: "kernels/matmul/matmul_grad_runs.wgsl", text: runs };
const NARROW_DY: WgslFile = { name: "kernels/matmul/matmul_grad_narrow.wgsl", text: narrow };
const QUADS_DY: WgslFile = { name: "kernels/matmul/matmul_grad_quads.wgsl", text: quads };
const WIDE_DY: WgslFile = { name: "kernels/matmul/matmul_grad_wide.wgsl", text: wide };
const REGISTERS: WgslFile = { name: "kernels/matmul/matmul_grad_registers.wgsl", text: registers };
const SUBGROUP: WgslFile = { name: "kernels/matmul/matmul_grad_subgroup.wgsl", text: subgroup };
const TILED: WgslFile = { name: "kernels/matmul/matmul_grad_tiled.wgsl", text: tiled };
const SEGMENTS: WgslFile = { name: "kernels/matmul/tiles_segments.wgsl", text: segments };

/** Rows grouped by expert, as `route` and `group` leave them. */
export interface GradientGroups extends Groups {
  /** [experts] (start in `order`, count) */
  readonly segments: GPUBuffer;
}

interface GradientOptions {
  readonly label: string;
  /** Counts of rows; unused with groups. */
  readonly live: GPUBuffer;
  /** Word of `live` with the number of rows: 0 all, 1 the targets. */
  readonly rowsAt?: 0 | 1;
  /** [rows, n]; on the up side of experts [assignments, n]. */
  readonly dy: GPUBuffer;
  readonly groups?: GradientGroups;
}

/**
 * Prepares dx[rows, k] = dy . W, a dispatch per chunk of W, in order: the first writes, the others add.
 * With groups dx is [assignments, k] on both sides; routing does not scale it. W must be f32, k % 4 = 0.
 */
export function matmulInputGradKernel(
  launcher: Launcher,
  options: GradientOptions & { readonly w: Weight; readonly dx: GPUBuffer },
): Promise<Dispatch[]> {
  const { w, dx, groups } = options;
  const rows = groups?.tileRows ?? tileRows(launcher);
  return prepareChunks(launcher, options, w, (chunk, index) => ({
    w: chunk.buffer,
    out: dx,
    tile: 0,
    constants: { ROWS: rows, TM: rows, WEIGHT: false, ADD: w.experts === 1 && index > 0 },
    choices: groups?.side === "down" ? groups.choices : 1,
    groups: (most) => {
      if (groups) return [mostTiles(most * groups.choices, w.experts, rows)];
      return [Math.ceil(most / rows)];
    },
  }));
}

/**
 * Prepares dw[n, k] += dy^T . x, in order a dispatch per chunk of dw and, on a CPU driver, span of rows. With
 * groups each expert adds the rows that chose it: dy and x are [assignments, .] and [rows, .] on the up side, on
 * the down side [rows, .], scaled by routing, and [assignments, .]; experts that no row chose are left alone.
 * dw must be f32, k % 4 = 0.
 */
export async function matmulWeightGradKernel(
  launcher: Launcher,
  options: GradientOptions & {
    readonly x: GPUBuffer;
    readonly dw: Weight;
    /** Most rows of a pass. */
    readonly rows: number;
  },
): Promise<Dispatch[]> {
  const { x, dw, groups } = options;
  const ROWS = tileRows(launcher);
  const TM = groups || launcher.target === "gpu" ? ALL_ROWS : CPU_SPAN;
  const spans = Math.ceil(options.rows / TM);
  const prepared = Array.from(
    { length: spans },
    (_, tile) =>
      prepareChunks(launcher, options, dw, (chunk) => ({
        w: x,
        out: chunk.buffer,
        tile,
        constants: { ROWS, TM, WEIGHT: true, ADD: true },
        choices: groups?.choices ?? 1,
        groups: (most) => {
          if (most <= tile * TM) return [0];
          const rows = dw.experts > 1 ? dw.rows : chunk.count;
          return [Math.ceil(rows / ROWS), dw.experts > 1 ? chunk.count : 1];
        },
      })),
  );
  return (await Promise.all(prepared)).flat();
}

/** Rows that add to dw in one dispatch of a CPU driver: x of so many stays in a core's cache. */
const CPU_SPAN = 512;

/** Rows of a tile of outputs; a CPU driver's lane has eight columns of them. */
function tileRows({ target, subgroupSize }: Launcher): number {
  if (target === "gpu") return 32;
  return subgroupSize === CPU_LANES ? 16 : 8; // where all of dy is loaded by each lane, eight rows at a time
}

/** A tile of all rows that there are. */
const ALL_ROWS = 0xffffffff;

/** What the two gradients differ in. */
interface ChunkCall {
  readonly w: GPUBuffer;
  readonly out: GPUBuffer;
  /** The first tile of rows that add to dw. */
  readonly tile: number;
  /** ROWS of outputs to a tile; TM rows of dy to a tile of a dense matmul. */
  readonly constants: Readonly<Record<"ROWS" | "TM", number> & Record<"WEIGHT" | "ADD", boolean>>;
  readonly choices: number;
  /** Workgroups over rows of outputs, and over experts. */
  groups(most: number): readonly [number, number?];
}

async function prepareChunks(
  launcher: Launcher,
  { label, live, rowsAt = 0, dy, groups }: GradientOptions,
  weight: Weight,
  callOf: (chunk: WeightChunk, index: number) => ChunkCall,
): Promise<Dispatch[]> {
  const { format, experts, rows: n, columns: k } = weight;
  if (format !== "f32" || k % 4 !== 0) {
    throw new RangeError(
      `Cannot differentiate "${label}": the weight is ${format} with k ${k}, expected f32 with k % 4 = 0`,
    );
  }
  return await Promise.all(weight.chunks.map((chunk, index) => {
    const { w, out, tile, constants, choices, groups: over } = callOf(chunk, index);
    const grouped = experts > 1;
    const { start, rows } = grouped
      ? { start: 0, rows: n }
      : { start: chunk.start, rows: chunk.count };
    const { files, parts, lanes, columnLanes } = loopOf(launcher, [n, k, start, rows]);
    const runs = k / (4 * parts);
    const tiles = constants.WEIGHT ? groups?.segments : groups?.tiles;
    return launcher.prepare({
      label,
      files: [
        ...groups ? [GROUPED, constants.WEIGHT ? SEGMENTS : GROUPED_TILES] : [PLAIN],
        SHARED,
        ...files,
      ],
      constants: {
        ...constants,
        LANES: lanes,
        PARTS: parts,
        FOURS: parts,
        RUNS: constants.WEIGHT ? 8 : constants.ROWS,
        XG: Math.ceil(constants.ROWS / CPU_LANES),
        RM: Math.ceil(constants.ROWS / 4),
        KT: 16,
        SCALED: groups?.side === "down",
        DOWN: groups?.side === "down",
      },
      params: {
        rows_at: rowsAt,
        n: rows,
        k_runs: runs,
        dy_start: start,
        dy_stride: n,
        choices,
        expert_start: grouped ? chunk.start : 0,
        expert_count: grouped ? chunk.count : 1,
        tile,
      },
      bindings: [tiles ?? live, w, dy, out, groups?.order, groups?.routing],
      groups: (most) => [Math.ceil(runs / columnLanes), ...over(most)],
    });
  }));
}

/** The loop and its loads: as many values at once as divide all `sizes`. */
function loopOf({ target, subgroupSize, int64 }: Launcher, sizes: readonly number[]) {
  const narrowLoads = [...WEIGHT_FILES.f32, NARROW_DY];
  if (target === "gpu") {
    return { files: [...narrowLoads, TILED], parts: 1, lanes: 64, columnLanes: 16 };
  }
  const divide = (by: number) => sizes.every((size) => size % by === 0);
  const loads = int64 && divide(8)
    ? [...WIDE, ...WIDE_WEIGHT_FILES.f32, WIDE_DY]
    : divide(4)
    ? [...WEIGHT_FILES.f32, RUNS, QUADS_DY]
    : [...narrowLoads, RUNS];
  return {
    files: [...loads, subgroupSize === CPU_LANES ? SUBGROUP : REGISTERS],
    parts: divide(8) ? 2 : 1,
    lanes: CPU_LANES,
    columnLanes: CPU_LANES,
  };
}

type DenseShape = { rows: number; k: number; n: number };
type ExpertShape = DenseShape & { experts: number; choices: number; tile: number };
type GradientKind = "input" | "weight";
type Side = "up" | "down";

const DENSE_SHAPES: readonly DenseShape[] = [
  { rows: 1, k: 4, n: 1 },
  { rows: 9, k: 16, n: 8 },
  { rows: 7, k: 12, n: 13 },
  { rows: 33, k: 128, n: 256 },
  { rows: 32, k: 200, n: 129 },
  { rows: 17, k: 72, n: 40 },
  { rows: 1030, k: 8, n: 12 }, // more than a CPU driver takes at once
];

const EXPERT_SHAPES: readonly ExpertShape[] = [
  { rows: 1, k: 4, n: 4, experts: 1, choices: 1, tile: 8 },
  { rows: 5, k: 8, n: 16, experts: 3, choices: 2, tile: 4 },
  { rows: 7, k: 12, n: 5, experts: 4, choices: 2, tile: 8 },
  { rows: 17, k: 64, n: 40, experts: 9, choices: 3, tile: 8 },
  { rows: 33, k: 128, n: 128, experts: 17, choices: 5, tile: 4 },
  { rows: 40, k: 40, n: 24, experts: 3, choices: 2, tile: 16 }, // a CPU driver's in training
];

/** Shapes of nano's layers and its head, and a larger one. */
const DENSE_BENCH: readonly DenseShape[] = [
  { rows: 1024, k: 128, n: 256 },
  { rows: 1024, k: 128, n: 128 },
  { rows: 1024, k: 128, n: 768 },
  { rows: 1024, k: 384, n: 128 },
  { rows: 1024, k: 128, n: 512 },
  { rows: 512, k: 512, n: 512 },
];

/** Nano's experts, whose rows of gate and up stand in pairs, and larger ones. */
const EXPERT_BENCH = [
  { rows: 1024, hidden: 128, width: 64, experts: 17, choices: 5, tile: 16 },
  { rows: 1024, hidden: 512, width: 128, experts: 33, choices: 5, tile: 16 },
];

/** Specs of both gradients of a dense matmul. */
export const matmulGradSpecs: KernelSpec<DenseShape>[] = (["input", "weight"] as const).map((
  kind,
) => {
  const whole = (shape: DenseShape): ExpertShape => ({ ...shape, experts: 1, choices: 1, tile: 1 });
  const spec = gradientSpec(kind);
  return {
    ...spec,
    shapes: DENSE_SHAPES,
    benchShapes: DENSE_BENCH,
    inputs: (shape) => spec.inputs(whole(shape)),
    reference: (shape, inputs) => spec.reference(whole(shape), inputs),
    prepare: (launcher, shape, buffers) => spec.prepare(launcher, whole(shape), buffers),
    bytes: (shape) => spec.bytes(whole(shape)),
    flops: (shape) => spec.flops(whole(shape)),
    gradient: {
      ...spec.gradient!,
      forward: (shape, inputs) => spec.gradient!.forward(whole(shape), inputs),
    },
  };
});

/** Specs of both gradients of both sides of grouped experts. */
export const expertGradSpecs: KernelSpec<ExpertShape>[] = (["up", "down"] as const).flatMap((
  side,
) => [gradientSpec("input", side), gradientSpec("weight", side)]);

/** The spec of a gradient; a dense matmul has no side. */
function gradientSpec(kind: GradientKind, side?: Side): KernelSpec<ExpertShape> {
  const name = side ? `experts ${side}` : "matmul";
  return {
    name: `${name} ${kind} gradient`,
    shapes: EXPERT_SHAPES,
    benchShapes: EXPERT_BENCH.map(({ hidden, width, ...shape }) =>
      side === "up" ? { ...shape, k: hidden, n: 2 * width } : { ...shape, k: width, n: hidden }
    ),
    tolerance: 4e-6, // f32 sums of n terms, or of as many as an expert has rows
    inputs: (shape) => {
      const { rows, k, n, experts, choices, tile } = shape;
      const weight = uniform(experts * n * k, 2);
      const assignments = rows * choices;
      const x = uniform(k * (kind === "weight" && side === "up" ? rows : assignments), 1);
      return {
        live: liveRows(rows),
        ...exampleGroups(assignments, experts, tile),
        routing: uniform(assignments, 4),
        dy: uniform(n * (side === "up" ? assignments : rows), 3),
        x,
        w: weight,
        ...kind === "input" ? { dx: uniform(x.length, 5) } : { dw: uniform(weight.length, 5) },
      };
    },
    reference: (shape, inputs): Record<string, Float64Array> => {
      const { k, n } = shape;
      const { dy, x, w } = inputs;
      const out = kind === "input" ? new Float64Array(x.length) : Float64Array.from(inputs.dw);
      for (const { expert, dyRow, xRow, scale } of products(shape, inputs, { kind, side })) {
        for (let i = 0; i < n * k; i++) {
          const up = scale * dy[dyRow * n + Math.floor(i / k)];
          if (kind === "input") out[xRow * k + i % k] += up * w[expert * n * k + i];
          else out[expert * n * k + i] += up * x[xRow * k + i % k];
        }
      }
      return kind === "input" ? { dx: out } : { dw: out };
    },
    prepare: (launcher, { rows, k, n, experts, choices, tile }, b) => {
      const { live, dy, x, dx, order, tiles, segments, routing } = b;
      const matrix = { format: "f32", experts, rows: n, columns: k } as const;
      const groups = side && { order, tiles, segments, routing, choices, tileRows: tile, side };
      const shared = { label: "gradient", live, dy, groups };
      return kind === "input"
        ? matmulInputGradKernel(launcher, { ...shared, w: wholeWeight(b.w, matrix), dx })
        : matmulWeightGradKernel(launcher, { ...shared, x, dw: wholeWeight(b.dw, matrix), rows });
    },
    rows: ({ rows }) => rows,
    bytes: ({ rows, k, n, experts, choices }) =>
      4 * (experts * n * k * (kind === "weight" ? 2 : 1) + rows * choices * (n + k)),
    flops: ({ rows, k, n, choices }) => 2 * rows * choices * k * n,
    gradient: {
      forward: (shape, inputs) => {
        const { k, n } = shape;
        const { dy, x, w } = inputs;
        const y = new Float64Array(dy.length);
        for (const { expert, dyRow, xRow, scale } of products(shape, inputs, { kind, side })) {
          for (let i = 0; i < n * k; i++) {
            y[dyRow * n + Math.floor(i / k)] += scale * x[xRow * k + i % k] *
              w[expert * n * k + i];
          }
        }
        return { y };
      },
      upstream: { y: "dy" },
      ...kind === "input" ? { of: { dx: "x" } } : { of: { dw: "w" }, added: ["dw"] },
    },
  };
}

/** The products W . x[xRow] that add to y[dyRow]: one for each row, or for each assignment. */
function products(
  { experts, choices }: ExpertShape,
  { order, segments, routing }: Readonly<Record<string, ArrayLike<number>>>,
  { kind, side }: { kind: GradientKind; side?: Side },
) {
  return Array.from(
    { length: experts },
    (_, expert) =>
      Array.from(order).slice(segments[2 * expert], segments[2 * expert] + segments[2 * expert + 1])
        .map((a) => ({
          expert,
          dyRow: side === "down" ? Math.floor(a / choices) : a,
          xRow: kind === "weight" && side === "up" ? Math.floor(a / choices) : a,
          scale: kind === "weight" && side === "down" ? routing[a] : 1,
        })),
  ).flat();
}
