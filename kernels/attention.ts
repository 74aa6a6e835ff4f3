/** GQA attention of a pass's rows over the paged KV cache. */
import source from "./attention.wgsl" with { type: "text" };
import joinSource from "./attention_join.wgsl" with { type: "text" };
import lengthsSource from "./attention_lengths.wgsl" with { type: "text" };
import spansSource from "./attention_spans.wgsl" with { type: "text" };
import subgroup from "./attention_subgroup.wgsl" with { type: "text" };
import tiled from "./attention_tiled.wgsl" with { type: "text" };
import { kvFiles, type KvFormat, type KvView, PAGE } from "./kv_cache.ts";
import {
  CPU_LANES,
  type Dispatch,
  type KernelCall,
  type Launcher,
  MOST_TURNS,
  type Target,
  type WgslFile,
} from "./launch.ts";
import { SHARES, sharesBytes, sharesFile } from "./shares.ts";
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
  /** Where a GPU may split a few rows over many keys over workgroups; the bits are the same. */
  readonly split?: SplitAttention;
  /** Sizes of a GPU's tiles to choose from, in queries; all that fit if left out. The bits are the same. */
  readonly tiles?: readonly number[];
}

const SPANS: WgslFile = { name: "kernels/attention_spans.wgsl", text: spansSource };
const LENGTHS: WgslFile = { name: "kernels/attention_lengths.wgsl", text: lengthsSource };

/** Keys of a CPU driver's span. */
export const CPU_SPAN = 512;

/** Keys of a GPU's span, as long as MOST_SPANS of them are enough: what a workgroup of a split attention walks. */
export const GPU_SPAN = 128;

/** Most spans of a row; over more keys they get longer. Bounds what is left to join, in time and memory. */
const MOST_SPANS = 64;

/** Keys from which splitting is worth its second dispatch. */
const WORTH_SPLIT = 2 * GPU_SPAN;

/** Lanes that share a query's scores, four keys each: a tile is a page of keys. */
const KEY_GROUPS = SHARES;

/** Lanes that share a query's channels when values are summed, at most: they read a row of them whole. */
const MOST_CHANNEL_GROUPS = 32;

/**
 * A GPU's tiles by queries (rows by query heads of one KV head), largest first: large ones load keys for more
 * queries, small ones keep a GPU busy with a few rows and keys. A lane has the scores of one or two queries
 * with four keys, and the sums of 16 or 32 channels: with twice as many, a multiprocessor has room for too
 * few lanes to hide what each waits for.
 */
const TILES: readonly Tile[] = [
  { queries: 32, lanes: 128 },
  { queries: 16, lanes: 64 },
  { queries: 8, lanes: 64 },
];

/** Quads of keys whose values are on their way to a lane while it sums others; divides KEY_GROUPS. */
const QUADS_AHEAD = 2;

/** Words that hold four channels of a key or value. */
const KV_WORDS: Readonly<Record<KvFormat, number>> = { f32: 4, f16: 2 };

/** Workgroups that keep a large GPU busy: two for each multiprocessor. */
const BUSY_GROUPS = 256;

/** Room for the spans of a split attention. */
export interface SplitAttention {
  /** [rows, heads, spans, headDim + 4] */
  readonly parts: GPUBuffer;
  /** Passes of at most this many rows are split. */
  readonly rows: number;
}

/** Most bytes that the spans of a split attention may take: mini's of 496 rows over 8,192 keys or more. */
const SPLIT_BYTES = 256 << 20;

/**
 * Rows up to which attention is worth splitting, and the bytes that it takes: passes of fewer rows leave
 * a GPU idle. A CPU driver has few cores, which heads keep busy.
 */
export function splitSize(
  launcher: Launcher,
  { heads, headDim, length, most }: HeadShape & {
    /** Longest sequence. */
    length: number;
    /** Rows of the largest pass. */
    most: number;
  },
): { rows: number; bytes: number } {
  const perRow = 4 * heads * spansOf(length) * (headDim + 4);
  const worth = Math.ceil(2 * BUSY_GROUPS * TILES[0].queries / heads);
  const binding = launcher.device.limits.maxStorageBufferBindingSize;
  const fits = Math.floor(Math.min(SPLIT_BYTES, binding) / perRow);
  const splits = launcher.target === "gpu" && length > WORTH_SPLIT;
  const rows = splits ? Math.min(worth, fits, most) : 0;
  return { rows, bytes: rows * perRow };
}

/** Prepares softmax(q . k / sqrt(D)) . v over each row's visible keys (spec/model.md section 3). */
export async function attentionKernel(
  launcher: Launcher,
  options: AttentionOptions,
): Promise<Dispatch[]> {
  if (launcher.target === "gpu") return await tiledAttention(launcher, options);
  const shuffles = launcher.subgroupSize === CPU_LANES;
  return [await (shuffles ? subgroupAttention : laneAttention)(launcher, options)];
}

/** What all forms bind and are compiled with. */
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
  return target === "cpu" ? Math.floor(MOST_TURNS / (CPU_SPAN / 4 + 3)) * CPU_SPAN : Infinity;
}

function laneAttention(launcher: Launcher, options: AttentionOptions): Promise<Dispatch> {
  const { constants, ...call } = common(options);
  return launcher.prepare({
    ...call,
    files: [...kvFiles(options.kv.format), SPANS, { name: "kernels/attention.wgsl", text: source }],
    constants: { ...constants, LANES: CPU_LANES, SPAN: CPU_SPAN },
    groups: (rows) => [options.heads, Math.ceil(rows / CPU_LANES)],
  });
}

/** Spans of the rows that see at most `keys` keys: as many as one of them may have. */
function spansOf(keys: number): number {
  return Math.min(MOST_SPANS, Math.ceil(keys / GPU_SPAN));
}

/** A dispatch for each tile, of which a pass takes one; and as many for passes that are split. */
async function tiledAttention(
  launcher: Launcher,
  { tiles: given, ...options }: AttentionOptions,
): Promise<Dispatch[]> {
  const { split } = options;
  const length = options.kv.tablePages * PAGE;
  const room = launcher.device.limits.maxComputeWorkgroupStorageSize;
  const fitting = TILES.filter((tile) => {
    return (given?.includes(tile.queries) ?? true) && tileBytes(launcher, tile, options) <= room;
  });
  if (fitting.length === 0) return [await laneAttention(launcher, options)]; // needs no workgroup memory
  const tiles = fitting.map((tile): QueryTile => {
    // Heads of one KV head share its keys; where they do not divide a tile, fewer of them.
    const heads = gcd(options.heads / options.kvHeads, tile.queries);
    return { ...tile, heads, rows: tile.queries / heads };
  });
  const spans = (rows: number, keys: number) =>
    split && rows <= split.rows && keys > WORTH_SPLIT ? spansOf(keys) : 0;
  const grid = (tile: QueryTile, rows: number, each: number) =>
    [options.heads / tile.heads, Math.ceil(rows / tile.rows), Math.max(1, each)] as const;
  /** The largest tile that keeps a GPU busy. */
  const best = (usual: number, each: number) =>
    tiles.find((tile) => {
      return grid(tile, usual, each).reduce((a, b) => a * b) >= BUSY_GROUPS;
    }) ?? tiles.at(-1);
  const dispatches: Dispatch[] = [];
  for (const parts of split ? [undefined, split.parts] : [undefined]) {
    for (const tile of tiles) {
      const groups = (rows: number, keys: number, usual: number) => {
        const each = spans(rows, Math.min(keys, length));
        const taken = each > 0 === (parts !== undefined) && best(usual, each) === tile;
        return taken ? grid(tile, rows, each) : [0] as const;
      };
      dispatches.push(await tileAttention(launcher, options, { tile, parts, groups }));
    }
  }
  if (!split) return dispatches;
  const { live, rows, out, heads, headDim } = options;
  return [
    ...dispatches,
    await launcher.prepare({
      label: options.label,
      files: [SPANS, LENGTHS, { name: "kernels/attention_join.wgsl", text: joinSource }],
      constants: { LANES: 32, D4: headDim / 4, SPAN: GPU_SPAN, MOST_SPANS },
      params: { rows_at: 0, heads, spans: spansOf(length) },
      bindings: [live, rows, split.parts, out],
      groups: (rows, keys) => spans(rows, Math.min(keys, length)) > 0 ? [heads, rows] : [0],
    }),
  ];
}

/** Queries of a workgroup and its lanes: powers of two, at least LANES / KEY_GROUPS queries. */
interface Tile {
  readonly queries: number;
  readonly lanes: number;
}

/** What a GPU's workgroup takes: rows by query heads that read one KV head. */
interface QueryTile extends Tile {
  readonly heads: number;
  readonly rows: number;
}

function tileAttention(
  launcher: Launcher,
  options: AttentionOptions,
  { tile, parts, groups }: { tile: QueryTile; parts?: GPUBuffer } & Pick<KernelCall, "groups">,
): Promise<Dispatch> {
  const { constants, params, ...call } = common({ ...options, out: parts ?? options.out });
  const { D4 } = constants;
  const { queries, lanes, rows, heads } = tile;
  const channelGroups = channelGroupsOf(tile, options);
  return launcher.prepare({
    ...call,
    files: [...kvFiles(options.kv.format), SPANS, LENGTHS, sharesFile(launcher), {
      name: "kernels/attention_tiled.wgsl",
      text: tiled,
    }],
    constants: {
      ...constants,
      LANES: lanes,
      ROWS: rows,
      HEADS: heads,
      KG: KEY_GROUPS,
      CG: channelGroups,
      DQ: Math.ceil(D4 / 4),
      QI: queries * KEY_GROUPS / lanes,
      PI: queries * channelGroups / lanes,
      CB: Math.ceil(D4 / channelGroups),
      VQ: QUADS_AHEAD,
      QL: Math.ceil(queries * D4 / lanes),
      KL: Math.ceil(4 * KEY_GROUPS * D4 / lanes),
      SPAN: GPU_SPAN,
      MOST_SPANS,
      SPLIT: parts !== undefined,
    },
    params: { ...params, spans: spansOf(options.kv.tablePages * PAGE) },
    groups,
  });
}

/** Lanes that share a query's channels: as few as a short head has work for, but no lane without a query. */
function channelGroupsOf({ queries, lanes }: Tile, { headDim }: HeadShape): number {
  const busy = Math.min(MOST_CHANNEL_GROUPS, 2 ** Math.ceil(Math.log2(headDim / 4)));
  return Math.max(lanes / queries, busy);
}

/** Bytes of a tile's workgroup arrays. */
function tileBytes(launcher: Launcher, tile: Tile, options: AttentionOptions): number {
  const { queries, lanes } = tile;
  const blocks = Math.ceil(options.headDim / 16);
  const keys = 4 * KV_WORDS[options.kv.format] * 17 * KEY_GROUPS;
  const valueGroups = lanes / channelGroupsOf(tile, options);
  const weights = 16 * (queries / valueGroups + 1) * (valueGroups + 1) * KEY_GROUPS;
  return blocks * (64 * queries + keys) + weights + 12 * queries + sharesBytes(launcher, lanes);
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
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
  /** Rows of a block, which all see every key; 0 where each row sees what it likes. */
  block: number;
  /** Queries of a GPU's tile; 0 for the kernel's own choice. */
  tile: number;
};

/** Checks and times attention with keys and values in either format. */
export const attentionSpecs: KernelSpec<Shape>[] = (["f32", "f16"] as KvFormat[]).map((format) => ({
  name: `attention ${format}`,
  shapes: [
    { rows: 1, heads: 1, kvHeads: 1, headDim: 4, pages: 2, split: 0, block: 0, tile: 0 },
    { rows: 37, heads: 4, kvHeads: 2, headDim: 32, pages: 2, split: 0, block: 0, tile: 0 },
    { rows: 9, heads: 16, kvHeads: 4, headDim: 128, pages: 2, split: 0, block: 0, tile: 0 },
    {
      rows: 11,
      heads: 2,
      kvHeads: 1,
      headDim: 20,
      pages: CPU_SPAN / PAGE + 1,
      split: 0,
      block: 0,
      tile: 0,
    },
    { rows: 5, heads: 9, kvHeads: 1, headDim: 8, pages: 1, split: 0, block: 0, tile: 0 },
    {
      rows: 13,
      heads: 4,
      kvHeads: 2,
      headDim: 36,
      pages: 2 * CPU_SPAN / PAGE + 3,
      split: 16,
      block: 0,
      tile: 0,
    },
    { rows: 40, heads: 8, kvHeads: 1, headDim: 128, pages: 1, split: 0, block: 16, tile: 32 },
  ],
  benchShapes: [
    { rows: 32, heads: 4, kvHeads: 2, headDim: 32, pages: 2, split: 0, block: 32, tile: 0 },
    { rows: 32, heads: 16, kvHeads: 4, headDim: 128, pages: 2, split: 0, block: 32, tile: 0 },
    { rows: 32, heads: 16, kvHeads: 4, headDim: 128, pages: 128, split: 32, block: 32, tile: 0 },
  ],
  tolerance: 3e-6, // f32 dots of headDim terms under an exp, averaged over the keys
  inputs: ({ rows, heads, kvHeads, headDim, pages, split, block }) => {
    const cached = 2 * pages * PAGE * kvHeads * headDim;
    const spans = spansOf(pages * PAGE);
    const q = uniform(rows * (heads + 2 * kvHeads) * headDim, 3);
    q[0] = 30; // one sharp row
    return {
      live: liveRows(rows),
      rows: block ? blockRows(rows, { pages, block }) : exampleRows(rows, pages),
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
  prepare: (launcher, { heads, kvHeads, headDim, pages, split, tile }, b) =>
    attentionKernel(launcher, {
      label: "attention",
      live: b.live,
      rows: b.rows,
      kv: { format, keys: b.keys, values: b.values, table: b.table, tablePages: pages },
      qkv: b.qkv,
      stride: heads + 2 * kvHeads,
      out: b.out,
      tiles: tile > 0 ? [tile] : undefined,
      split: split > 0 ? { rows: split, parts: b.parts } : undefined,
      heads,
      kvHeads,
      headDim,
    }),
  rows: ({ rows }) => rows,
  bytes: ({ rows, heads, kvHeads, headDim, pages, block }) =>
    (format === "f32" ? 4 : 2) * 2 * pages * PAGE * kvHeads * headDim *
      (rows <= block ? 1 : 2) + 8 * rows * heads * headDim,
  // Rows that see what they like see half of it.
  flops: ({ rows, heads, headDim, pages, block }) =>
    (block ? 4 : 2) * rows * heads * headDim * pages * PAGE,
}));

/** Rows of blocks of two sequences by turns, which see all of their pages. */
function blockRows(count: number, { pages, block }: { pages: number; block: number }): Uint32Array {
  const rows = Array.from({ length: count }, (_, row) => {
    return [Math.floor(row / block) % 2, row % block, 0, pages * PAGE];
  });
  return Uint32Array.from(rows.flat());
}

function stored(values: Float32Array, format: KvFormat): Float32Array | Uint32Array {
  return format === "f32" ? values : new Uint32Array(new Float16Array(values).buffer);
}

function loaded(values: ArrayLike<number>, format: KvFormat): ArrayLike<number> {
  return format === "f32" ? values : new Float16Array((values as Uint32Array).buffer);
}
