/** QK norm, partial rotary embedding and the write into the KV cache, in one dispatch. */
import headsCached from "./heads_cached.wgsl" with { type: "text" };
import headsRows from "./heads_rows.wgsl" with { type: "text" };
import source from "./qk_norm_rope.wgsl" with { type: "text" };
import { exampleRows, exampleTable } from "./example_rows.ts";
import { kvFiles, type KvView, PAGE } from "./kv_cache.ts";
import type { Dispatch, KernelCall, Launcher } from "../launch.ts";
import { type Arrays, type KernelSpec, liveRows, uniform } from "../spec.ts";
import { teamsOf } from "../team.ts";

/** Sizes of attention heads. */
export interface HeadShape {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

/** What both forms of the kernel read. */
interface QkNormRopeInputs extends HeadShape {
  readonly label: string;
  readonly live: GPUBuffer;
  readonly rows: GPUBuffer;
  /** [rows, heads + 2 kvHeads, headDim] */
  readonly qkv: GPUBuffer;
  /** [2, headDim]: weights of the q norm, then of the k norm. */
  readonly norm: GPUBuffer;
  /** [positions, 2, rotaryDim / 2]: cos, then sin. */
  readonly rope: GPUBuffer;
  readonly rotaryDim: number;
  readonly qkNorm: boolean;
  readonly eps: number;
}

/** Buffers and options of the kernel; q is normed and turned in place. */
export interface QkNormRopeOptions extends QkNormRopeInputs {
  readonly kv: KvView;
}

/** Buffers and options of the kernel without a cache. */
export interface QkNormRopeRowsOptions extends QkNormRopeInputs {
  /** As `qkv`, which stays: q and k normed and turned, v as it is. */
  readonly turned: GPUBuffer;
}

/** Groups of four channels that a lane of a team holds, about. */
const HELD_AIM = 4;

/** Prepares spec/model.md section 3, steps 2.2 to 2.4, for every row. */
export async function qkNormRopeKernel(
  launcher: Launcher,
  options: QkNormRopeOptions,
): Promise<Dispatch[]> {
  const { kv, live, rows, qkv, norm, rope } = options;
  const heads = { name: "kernels/attention/heads_cached.wgsl", text: headsCached };
  const { constants, files, ...call } = common(launcher, options);
  return [
    await launcher.prepare({
      ...call,
      files: [...kvFiles(kv.format), heads, ...files],
      constants: { ...constants, PAGE, TABLE_PAGES: kv.tablePages },
      bindings: [live, rows, kv.table, kv.keys, kv.values, qkv, norm, rope],
    }),
  ];
}

/** Prepares the same for a pass without a cache: `turned` = q and k normed and turned, and v. */
export async function qkNormRopeRowsKernel(
  launcher: Launcher,
  options: QkNormRopeRowsOptions,
): Promise<Dispatch[]> {
  const { live, rows, turned, qkv, norm, rope } = options;
  const { files, ...call } = common(launcher, options);
  return [
    await launcher.prepare({
      ...call,
      files: [{ name: "kernels/attention/heads_rows.wgsl", text: headsRows }, ...files],
      bindings: [live, rows, turned, undefined, undefined, qkv, norm, rope],
    }),
  ];
}

/** What both forms are compiled with. */
function common(
  launcher: Launcher,
  { label, headDim, rotaryDim, qkNorm, heads, kvHeads, eps }: QkNormRopeInputs,
): Omit<KernelCall, "bindings"> {
  const teams = teamsOf(launcher, Math.ceil(headDim / 4 / HELD_AIM));
  const { TEAM } = teams.constants;
  return {
    label,
    files: [teams.file, { name: "kernels/attention/qk_norm_rope.wgsl", text: source }],
    constants: {
      ...teams.constants,
      ...sharedHead({ headDim, rotaryDim }, TEAM),
      QK_NORM: qkNorm,
    },
    params: { rows_at: 0, heads, kv_heads: kvHeads, eps },
    groups: (rows) => [rows, teams.groups(heads + 2 * kvHeads)],
  };
}

/** How a team of so many lanes shares a head's groups of four channels: those that turn by pairs, and the rest. */
export function sharedHead(
  { headDim, rotaryDim }: { headDim: number; rotaryDim: number },
  team: number,
) {
  const [R8, REST] = [rotaryDim / 8, (headDim - rotaryDim) / 4];
  const [PAIRS, RESTS] = [Math.ceil(R8 / team), Math.ceil(REST / team)];
  return { D4: headDim / 4, R8, REST, PAIRS, RESTS, HELD: 2 * PAIRS + RESTS };
}

/** Sizes that the specs of this kernel and of its gradient vary. */
export type QkNormRopeShape = {
  rows: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  rotaryDim: number;
};

/** One head, normed and turned, in float64; `rope` holds cos, then sin, of its position. */
function turnedHead(
  x: Float64Array,
  { w, rope, qkNorm }: { w: ArrayLike<number>; rope: ArrayLike<number>; qkNorm: boolean },
): Float64Array {
  const mean = x.reduce((sum, v) => sum + v * v, 0) / x.length;
  const scale = qkNorm ? 1 / Math.sqrt(mean + 1e-6) : 1;
  const normed = x.map((v, i) => v * scale * w[i]);
  const turned = normed.slice();
  const half = rope.length / 2;
  for (let i = 0; i < half; i++) {
    const [c, s] = [rope[i], rope[half + i]];
    turned[i] = normed[i] * c - normed[half + i] * s;
    turned[half + i] = normed[half + i] * c + normed[i] * s;
  }
  return turned;
}

/** Checks and times the kernel; two sequences, pages out of order. */
export const qkNormRopeSpecs: KernelSpec<QkNormRopeShape>[] = [{
  name: "qk_norm_rope",
  shapes: [
    { rows: 1, heads: 1, kvHeads: 1, headDim: 8, rotaryDim: 8 },
    { rows: 37, heads: 4, kvHeads: 2, headDim: 32, rotaryDim: 16 },
    { rows: 5, heads: 16, kvHeads: 4, headDim: 128, rotaryDim: 64 },
  ],
  benchShapes: [
    { rows: 32, heads: 4, kvHeads: 2, headDim: 32, rotaryDim: 16 },
    { rows: 32, heads: 16, kvHeads: 4, headDim: 128, rotaryDim: 64 },
  ],
  tolerance: 3e-6, // f32 sum of headDim squares, a root, then a rotation
  inputs: ({ rows, heads, kvHeads, headDim, rotaryDim }) => ({
    live: liveRows(rows),
    rows: exampleRows(rows),
    table: exampleTable(),
    keys: uniform(4 * PAGE * kvHeads * headDim, 1),
    values: uniform(4 * PAGE * kvHeads * headDim, 2),
    qkv: uniform(rows * (heads + 2 * kvHeads) * headDim, 3, 4),
    norm: uniform(2 * headDim, 4),
    rope: uniform(2 * PAGE * rotaryDim, 5),
  }),
  reference: ({ rows: count, heads, kvHeads, headDim, rotaryDim }, inputs) => {
    const { rows, table, norm, rope } = inputs;
    const keys = Float64Array.from(inputs.keys);
    const values = Float64Array.from(inputs.values);
    const qkv = Float64Array.from(inputs.qkv);
    for (let r = 0; r < count; r++) {
      const [slot, position] = rows.subarray(r * 4);
      const cached = table[slot * 2 + Math.floor(position / PAGE)] * PAGE + position % PAGE;
      for (let head = 0; head < heads + 2 * kvHeads; head++) {
        const at = (r * (heads + 2 * kvHeads) + head) * headDim;
        const x = qkv.slice(at, at + headDim);
        if (head >= heads + kvHeads) {
          values.set(x, (cached * kvHeads + head - heads - kvHeads) * headDim);
          continue;
        }
        const isKey = head >= heads;
        const turned = turnedHead(x, {
          w: norm.subarray(isKey ? headDim : 0),
          rope: rope.subarray(position * rotaryDim, (position + 1) * rotaryDim),
          qkNorm: true,
        });
        if (isKey) keys.set(turned, (cached * kvHeads + head - heads) * headDim);
        else qkv.set(turned, at);
      }
    }
    return { qkv, keys, values };
  },
  prepare: (launcher, { heads, kvHeads, headDim, rotaryDim }, b) =>
    qkNormRopeKernel(launcher, {
      label: "qk_norm_rope",
      live: b.live,
      rows: b.rows,
      kv: { format: "f32", keys: b.keys, values: b.values, table: b.table, tablePages: 2 },
      qkv: b.qkv,
      norm: b.norm,
      rope: b.rope,
      heads,
      kvHeads,
      headDim,
      rotaryDim,
      qkNorm: true,
      eps: 1e-6,
    }),
  rows: ({ rows }) => rows,
  bytes: ({ rows, heads, kvHeads, headDim }) => 4 * rows * headDim * (2 * heads + 4 * kvHeads),
  flops: ({ rows, heads, kvHeads, headDim }) => 8 * rows * headDim * (heads + kvHeads),
}];

/** Inputs of the kernel without a cache. */
export function qkNormRopeRowsInputs(
  { rows, heads, kvHeads, headDim, rotaryDim }: QkNormRopeShape,
): Arrays {
  const size = rows * (heads + 2 * kvHeads) * headDim;
  return {
    live: liveRows(rows),
    rows: Uint32Array.from({ length: rows * 4 }, (_, i) => [i / 4, (i >> 2) * 3 % 50, 0, 0][i % 4]),
    qkv: uniform(size, 3, 4),
    turned: uniform(size, 6),
    norm: uniform(2 * headDim, 4),
    rope: uniform(50 * rotaryDim, 5),
  };
}

/** What the kernel without a cache writes, in float64. */
export function turnedRows(
  { rows: count, heads, kvHeads, headDim, rotaryDim }: QkNormRopeShape,
  { rows, qkv, norm, rope }: Readonly<Record<string, ArrayLike<number>>>,
  { qkNorm }: { qkNorm: boolean },
): Float64Array {
  const turned = Float64Array.from(qkv);
  const [w, tables] = [Float64Array.from(norm), Float64Array.from(rope)];
  for (let r = 0; r < count; r++) {
    const position = rows[r * 4 + 1];
    for (let head = 0; head < heads + kvHeads; head++) {
      const at = (r * (heads + 2 * kvHeads) + head) * headDim;
      const x = turned.slice(at, at + headDim);
      turned.set(
        turnedHead(x, {
          w: w.subarray(head < heads ? 0 : headDim),
          rope: tables.subarray(position * rotaryDim, (position + 1) * rotaryDim),
          qkNorm,
        }),
        at,
      );
    }
  }
  return turned;
}

/** Shapes that the specs without a cache check, and those worth timing. */
export const QK_NORM_ROPE_ROWS_SHAPES: Pick<
  KernelSpec<QkNormRopeShape>,
  "shapes" | "benchShapes"
> = {
  shapes: [
    { rows: 1, heads: 1, kvHeads: 1, headDim: 8, rotaryDim: 8 },
    { rows: 5, heads: 3, kvHeads: 1, headDim: 12, rotaryDim: 8 },
    { rows: 3, heads: 2, kvHeads: 1, headDim: 32, rotaryDim: 16 },
    { rows: 67, heads: 4, kvHeads: 2, headDim: 32, rotaryDim: 16 },
    { rows: 9, heads: 16, kvHeads: 4, headDim: 128, rotaryDim: 64 },
  ],
  benchShapes: [
    { rows: 1024, heads: 4, kvHeads: 2, headDim: 32, rotaryDim: 16 },
    { rows: 6144, heads: 4, kvHeads: 2, headDim: 32, rotaryDim: 16 },
    { rows: 256, heads: 16, kvHeads: 4, headDim: 128, rotaryDim: 64 },
  ],
};

/** Checks and times the kernel without a cache. */
export const qkNormRopeRowsSpecs: KernelSpec<QkNormRopeShape>[] = [true, false].map((qkNorm) => ({
  name: `qk_norm_rope rows${qkNorm ? "" : ", no norm"}`,
  ...QK_NORM_ROPE_ROWS_SHAPES,
  tolerance: 3e-6, // as with a cache
  inputs: qkNormRopeRowsInputs,
  reference: (shape, inputs) => ({
    turned: turnedRows(shape, inputs, { qkNorm }),
    qkv: inputs.qkv,
  }),
  prepare: (launcher, { rows: _, ...sizes }, { live, rows, qkv, turned, norm, rope }) =>
    qkNormRopeRowsKernel(launcher, {
      label: "qk_norm_rope_rows",
      ...{ live, rows, qkv, turned, norm, rope },
      ...sizes,
      qkNorm,
      eps: 1e-6,
    }),
  rows: ({ rows }) => rows,
  bytes: ({ rows, heads, kvHeads, headDim }) => 8 * rows * headDim * (heads + 2 * kvHeads),
  flops: ({ rows, heads, kvHeads, headDim }) => 8 * rows * headDim * (heads + kvHeads),
}));
