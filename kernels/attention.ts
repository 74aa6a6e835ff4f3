/** GQA attention of a pass's rows over the paged KV cache. */
import source from "./attention.wgsl" with { type: "text" };
import joinSource from "./attention_join.wgsl" with { type: "text" };
import spansSource from "./attention_spans.wgsl" with { type: "text" };
import subgroup from "./attention_subgroup.wgsl" with { type: "text" };
import { kvFiles, type KvFormat, type KvView, PAGE } from "./kv_cache.ts";
import {
  CPU_LANES,
  type Dispatch,
  type Launcher,
  MOST_TURNS,
  type Target,
  type WgslFile,
} from "./launch.ts";
import { exampleRows, exampleTable, type HeadShape } from "./qk_norm_rope.ts";
import { type KernelSpec, liveRows, uniform } from "./spec.ts";

/** Buffers and options of the kernel. */
export interface AttentionOptions extends HeadShape {
  readonly label: string;
  readonly live: GPUBuffer;
  readonly rows: GPUBuffer;
  readonly kv: KvView;
  /** [rows, stride, headDim]; the first `heads` are the queries. */
  readonly qkv: GPUBuffer;
  /** Heads of a row in `qkv`. */
  readonly stride: number;
  /** [rows, heads, headDim] */
  readonly out: GPUBuffer;
  /** Where a few rows over many keys may be split over workgroups; the bits are the same. */
  readonly split?: SplitAttention;
}

const SPANS: WgslFile = { name: "kernels/attention_spans.wgsl", text: spansSource };

/** Keys of a span: what one workgroup of a split attention walks. */
export const SPAN = 512;

/** Room for the spans of a split attention. */
export interface SplitAttention {
  /** [rows, heads, spans, headDim + 4] */
  readonly parts: GPUBuffer;
  /** Passes of at most this many rows are split. */
  readonly rows: number;
}

/** Workgroups that keep a large GPU busy: two for each multiprocessor. */
const BUSY_GROUPS = 264;

/** Most bytes that the spans of a split attention may take. */
const SPLIT_BYTES = 128 << 20;

/**
 * Rows up to which attention is worth splitting, and the bytes that it takes: passes of fewer rows leave
 * a GPU idle. A CPU driver has few cores, which heads keep busy.
 */
export function splitSize(
  launcher: Launcher,
  { heads, kvHeads, headDim, length, most }: HeadShape & {
    /** Longest sequence. */
    length: number;
    /** Rows of the largest pass. */
    most: number;
  },
): { rows: number; bytes: number } {
  const perRow = 4 * heads * Math.ceil(length / SPAN) * (headDim + 4);
  const groups = heads / headsTogether({ heads, kvHeads });
  const worth = Math.floor(BUSY_GROUPS / groups) * (GPU_LANES / GPU_PARTS);
  const binding = launcher.device.limits.maxStorageBufferBindingSize;
  const fits = Math.floor(Math.min(SPLIT_BYTES, binding) / perRow);
  const rows = launcher.target === "gpu" && length > SPAN ? Math.min(worth, fits, most) : 0;
  return { rows, bytes: rows * perRow };
}

/** Lanes of a query head on a GPU, and how many of them share a row: registers hold its channels. */
const GPU_LANES = 32;
const GPU_PARTS = 4;

/** Query heads that read one KV head and share a GPU's workgroup: all but the first find keys in its cache. */
function headsTogether({ heads, kvHeads }: { heads: number; kvHeads: number }): number {
  const group = heads / kvHeads;
  return group * GPU_LANES <= 256 ? group : 1;
}

/** Prepares softmax(q . k / sqrt(D)) . v over each row's visible keys (spec/model.md section 3). */
export async function attentionKernel(
  launcher: Launcher,
  options: AttentionOptions,
): Promise<Dispatch[]> {
  const { split } = options;
  const shuffles = launcher.target === "cpu" && launcher.subgroupSize === CPU_LANES;
  if (shuffles) return [await subgroupAttention(launcher, options)];
  if (!split) return [await spanAttention(launcher, options)];
  return [
    await spanAttention(launcher, options),
    await spanAttention(launcher, { ...options, out: split.parts }, split),
    await joinSpans(launcher, options, split),
  ];
}

/** What both forms bind and are compiled with. */
function common({ kv, headDim, ...options }: AttentionOptions) {
  return {
    label: options.label,
    constants: { PAGE, TABLE_PAGES: kv.tablePages, D4: headDim / 4 },
    params: {
      rows_at: 0,
      heads: options.heads,
      kv_heads: options.kvHeads,
      stride: options.stride,
      scale: 1 / Math.sqrt(headDim),
    },
    bindings: [
      options.live,
      options.rows,
      kv.table,
      kv.keys,
      kv.values,
      options.qkv,
      options.out,
    ],
  };
}

function subgroupAttention(launcher: Launcher, options: AttentionOptions): Promise<Dispatch> {
  const { constants, ...call } = common(options);
  return launcher.prepare({
    ...call,
    files: [
      ...kvFiles(options.kv.format),
      { name: "kernels/attention_subgroup.wgsl", text: subgroup },
    ],
    constants: { ...constants, LANES: CPU_LANES, DL: Math.ceil(constants.D4 / CPU_LANES) },
    groups: (rows, keys) => [
      options.heads,
      Math.ceil(rows / CPU_LANES),
      sequenceGroups(Math.min(keys, options.kv.tablePages * PAGE)),
    ],
  });
}

/** Workgroups that share the sequences of a tile, since each turns once for CPU_LANES keys of each. */
function sequenceGroups(keys: number): number {
  const turns = Math.ceil(keys / CPU_LANES) + 2;
  return Math.ceil(CPU_LANES / Math.min(CPU_LANES, Math.floor(MOST_TURNS / turns)));
}

/** Keys of the longest sequence: a workgroup of a CPU driver walks all of one, four keys a turn. */
export function mostKeys(target: Target): number {
  return target === "cpu" ? Math.floor(MOST_TURNS / (SPAN / 4 + 3)) * SPAN : Infinity;
}

/** All spans of a row in one workgroup, or (for passes it is worth it) each in its own. */
function spanAttention(
  launcher: Launcher,
  options: AttentionOptions,
  split?: SplitAttention,
): Promise<Dispatch> {
  const { constants, params, ...call } = common(options);
  const gpu = launcher.target === "gpu";
  const heads = gpu ? headsTogether(options) : 1;
  const parts = gpu ? GPU_PARTS : 1;
  const lanes = gpu ? GPU_LANES * heads : CPU_LANES;
  const tiles = (rows: number) => Math.ceil(rows * parts * heads / lanes);
  const spans = spansOf(options);
  return launcher.prepare({
    ...call,
    files: [...kvFiles(options.kv.format), SPANS, { name: "kernels/attention.wgsl", text: source }],
    constants: {
      ...constants,
      LANES: lanes,
      PARTS: parts,
      HEADS: heads,
      DP: Math.ceil(constants.D4 / parts),
      SPAN,
      SPLIT: split !== undefined,
    },
    params: { ...params, spans },
    groups: (rows, keys) => {
      if (isSplit(options.split, rows, keys) !== (split !== undefined)) return [0];
      const each = split ? Math.min(spans, Math.ceil(keys / SPAN)) : 1;
      return [options.heads / heads, tiles(rows), each];
    },
  });
}

function joinSpans(
  launcher: Launcher,
  options: AttentionOptions,
  split: SplitAttention,
): Promise<Dispatch> {
  const { live, rows, out, heads } = options;
  return launcher.prepare({
    label: options.label,
    files: [SPANS, { name: "kernels/attention_join.wgsl", text: joinSource }],
    constants: { LANES: launcher.target === "gpu" ? 32 : CPU_LANES, D4: options.headDim / 4, SPAN },
    params: { rows_at: 0, heads, spans: spansOf(options) },
    bindings: [live, rows, split.parts, out],
    groups: (rows, keys) => isSplit(split, rows, keys) ? [heads, rows] : [0],
  });
}

function spansOf({ kv }: AttentionOptions): number {
  return Math.ceil(kv.tablePages * PAGE / SPAN);
}

function isSplit(split: SplitAttention | undefined, rows: number, keys: number): boolean {
  return split !== undefined && rows <= split.rows && keys > SPAN;
}

type Shape = {
  rows: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  /** Pages of each of the two sequences. */
  pages: number;
  /** Rows up to which spans may be split; 0 for never. */
  split: number;
};

/** Checks and times attention with keys and values in either format. */
export const attentionSpecs: KernelSpec<Shape>[] = (["f32", "f16"] as KvFormat[]).map((format) => ({
  name: `attention ${format}`,
  shapes: [
    { rows: 1, heads: 1, kvHeads: 1, headDim: 4, pages: 2, split: 0 },
    { rows: 37, heads: 4, kvHeads: 2, headDim: 32, pages: 2, split: 0 },
    { rows: 9, heads: 16, kvHeads: 4, headDim: 128, pages: 2, split: 0 },
    { rows: 11, heads: 2, kvHeads: 1, headDim: 20, pages: SPAN / PAGE + 1, split: 0 },
    { rows: 5, heads: 9, kvHeads: 1, headDim: 8, pages: 1, split: 0 },
    { rows: 13, heads: 4, kvHeads: 2, headDim: 36, pages: 2 * SPAN / PAGE + 3, split: 16 },
  ],
  benchShapes: [
    { rows: 32, heads: 4, kvHeads: 2, headDim: 32, pages: 2, split: 0 },
    { rows: 32, heads: 16, kvHeads: 4, headDim: 128, pages: 2, split: 0 },
  ],
  tolerance: 3e-6, // f32 dots of headDim terms under an exp, averaged over the keys
  inputs: ({ rows, heads, kvHeads, headDim, pages, split }) => {
    const cached = 2 * pages * PAGE * kvHeads * headDim;
    const spans = Math.ceil(pages * PAGE / SPAN);
    const q = uniform(rows * (heads + 2 * kvHeads) * headDim, 3);
    q[0] = 30; // one sharp row
    return {
      live: liveRows(rows),
      rows: exampleRows(rows, pages),
      table: exampleTable(pages),
      keys: stored(uniform(cached, 1, 2), format),
      values: stored(uniform(cached, 2), format),
      qkv: q,
      out: uniform(rows * heads * headDim, 4),
      parts: uniform(Math.max(4, split * heads * spans * (headDim + 4)), 5),
    };
  },
  reference: ({ rows: count, heads, kvHeads, headDim, pages }, { rows, table, qkv, ...kv }) => {
    const keys = loaded(kv.keys, format);
    const values = loaded(kv.values, format);
    const out = new Float64Array(count * heads * headDim);
    for (let r = 0; r < count; r++) {
      const [slot, , , visible] = rows.subarray(r * 4);
      for (let head = 0; head < heads; head++) {
        const q = qkv.subarray((r * (heads + 2 * kvHeads) + head) * headDim);
        const kvHead = Math.floor(head / (heads / kvHeads));
        const at = (key: number) =>
          ((table[slot * pages + Math.floor(key / PAGE)] * PAGE + key % PAGE) * kvHeads + kvHead) *
          headDim;
        const scores = Array.from({ length: visible }, (_, key) => {
          let dot = 0;
          for (let i = 0; i < headDim; i++) dot += q[i] * keys[at(key) + i];
          return dot / Math.sqrt(headDim);
        });
        const top = Math.max(...scores);
        const weights = scores.map((score) => Math.exp(score - top));
        const sum = weights.reduce((a, b) => a + b);
        for (const [key, weight] of weights.entries()) {
          for (let i = 0; i < headDim; i++) {
            out[(r * heads + head) * headDim + i] += weight / sum * values[at(key) + i];
          }
        }
      }
    }
    return { out };
  },
  prepare: (launcher, { heads, kvHeads, headDim, pages, split }, b) =>
    attentionKernel(launcher, {
      label: "attention",
      live: b.live,
      rows: b.rows,
      kv: { format, keys: b.keys, values: b.values, table: b.table, tablePages: pages },
      qkv: b.qkv,
      stride: heads + 2 * kvHeads,
      out: b.out,
      split: split > 0 ? { rows: split, parts: b.parts } : undefined,
      heads,
      kvHeads,
      headDim,
    }),
  rows: ({ rows }) => rows,
  bytes: ({ rows, heads, kvHeads, headDim, pages }) =>
    (format === "f32" ? 4 : 2) * 2 * pages * PAGE * kvHeads * headDim * 2 +
    8 * rows * heads * headDim,
  flops: ({ rows, heads, headDim, pages }) => 2 * rows * heads * headDim * pages * PAGE,
}));

function stored(values: Float32Array, format: KvFormat): Float32Array | Uint32Array {
  return format === "f32" ? values : new Uint32Array(new Float16Array(values).buffer);
}

function loaded(values: ArrayLike<number>, format: KvFormat): ArrayLike<number> {
  return format === "f32" ? values : new Float16Array((values as Uint32Array).buffer);
}
