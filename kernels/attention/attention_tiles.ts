/** Attention on GPUs: tiles of queries by keys, and spans of keys over workgroups. */
import { attentionCall, type AttentionOptions, SPANS } from "./attention_call.ts";
import joinSource from "./attention_join.wgsl" with { type: "text" };
import lengthsSource from "./attention_lengths.wgsl" with { type: "text" };
import tiled from "./attention_tiled.wgsl" with { type: "text" };
import { kvFiles, type KvFormat, PAGE } from "./kv_cache.ts";
import type { Dispatch, KernelCall, Launcher, Target, WgslFile } from "../launch.ts";
import type { HeadShape } from "./qk_norm_rope.ts";
import { SHARES, sharesBytes, sharesFile } from "../shares.ts";

const LENGTHS: WgslFile = { name: "kernels/attention/attention_lengths.wgsl", text: lengthsSource };

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

/** Most bytes that the spans of a split attention may take: mini's of 496 rows over 8,192 keys or more. */
const SPLIT_BYTES = 256 << 20;

/**
 * Rows up to which attention is worth splitting, and the bytes that it takes: passes of fewer rows leave
 * a GPU idle. A CPU driver has few cores, which heads keep busy.
 */
export function splitSize(
  { target, maxBinding }: { readonly target: Target; readonly maxBinding: number },
  { heads, headDim, length, most }: HeadShape & {
    /** Longest sequence. */
    length: number;
    /** Rows of the largest pass. */
    most: number;
  },
): { rows: number; bytes: number } {
  const perRow = 4 * heads * spansOf(length) * (headDim + 4);
  const worth = Math.ceil(2 * BUSY_GROUPS * TILES[0].queries / heads);
  const fits = Math.floor(Math.min(SPLIT_BYTES, maxBinding) / perRow);
  const splits = target === "gpu" && length > WORTH_SPLIT;
  const rows = splits ? Math.min(worth, fits, most) : 0;
  return { rows, bytes: rows * perRow };
}

/** Spans of the rows that see at most `keys` keys: as many as one of them may have. */
export function spansOf(keys: number): number {
  return Math.min(MOST_SPANS, Math.ceil(keys / GPU_SPAN));
}

/**
 * A dispatch for each tile, of which a pass takes one; and as many for passes that are split. None where no tile
 * fits the device's workgroup memory.
 */
export async function tiledAttention(
  launcher: Launcher,
  { tiles: given, ...options }: AttentionOptions,
): Promise<Dispatch[]> {
  const { split } = options;
  const length = options.kv.tablePages * PAGE;
  const room = launcher.device.limits.maxComputeWorkgroupStorageSize;
  const fitting = TILES.filter((tile) => {
    return (given?.includes(tile.queries) ?? true) && tileBytes(launcher, tile, options) <= room;
  });
  if (fitting.length === 0) return [];
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
      files: [SPANS, LENGTHS, { name: "kernels/attention/attention_join.wgsl", text: joinSource }],
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
  const { constants, params, ...call } = attentionCall({ ...options, out: parts ?? options.out });
  const { D4 } = constants;
  const { queries, lanes, rows, heads } = tile;
  const channelGroups = channelGroupsOf(tile, options);
  return launcher.prepare({
    ...call,
    files: [...kvFiles(options.kv.format), SPANS, LENGTHS, sharesFile(launcher), {
      name: "kernels/attention/attention_tiled.wgsl",
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
