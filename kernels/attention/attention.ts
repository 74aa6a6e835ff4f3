/** GQA attention of a pass's rows over the paged KV cache. */
import source from "./attention.wgsl" with { type: "text" };
import { attentionCall, type AttentionOptions, SPANS } from "./attention_call.ts";
import subgroup from "./attention_subgroup.wgsl" with { type: "text" };
import { spansOf, tiledAttention } from "./attention_tiles.ts";
import { blockRows, exampleRows, exampleTable } from "./example_rows.ts";
import { kvFiles, type KvFormat, PAGE } from "./kv_cache.ts";
import { CPU_LANES, type Dispatch, type Launcher, MOST_TURNS, type Target } from "../launch.ts";
import { type Arrays, type KernelSpec, liveRows, uniform } from "../spec.ts";

/** Keys of a CPU driver's span. */
export const CPU_SPAN = 512;

/** Prepares softmax(q . k / sqrt(D)) . v over each row's visible keys (spec/model.md section 3). */
export async function attentionKernel(
  launcher: Launcher,
  options: AttentionOptions,
): Promise<Dispatch[]> {
  if (launcher.target === "gpu") {
    const tiles = await tiledAttention(launcher, options);
    if (tiles.length > 0) return tiles;
    return [await laneAttention(launcher, options)]; // needs no workgroup memory
  }
  const shuffles = launcher.subgroupSize === CPU_LANES;
  return [await (shuffles ? subgroupAttention : laneAttention)(launcher, options)];
}

function subgroupAttention(launcher: Launcher, options: AttentionOptions): Promise<Dispatch> {
  const { constants, ...call } = attentionCall(options);
  return launcher.prepare({
    ...call,
    files: [
      ...kvFiles(options.kv.format),
      { name: "kernels/attention/attention_subgroup.wgsl", text: subgroup },
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
  const { constants, ...call } = attentionCall(options);
  return launcher.prepare({
    ...call,
    files: [...kvFiles(options.kv.format), SPANS, {
      name: "kernels/attention/attention.wgsl",
      text: source,
    }],
    constants: { ...constants, LANES: CPU_LANES, SPAN: CPU_SPAN },
    groups: (rows) => [options.heads, Math.ceil(rows / CPU_LANES)],
  });
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

/** Rows that see what they like, in tiles of the kernel's choice, never split. */
const FREE = { split: 0, block: 0, tile: 0 };

/** Checks and times attention with keys and values in either format. */
export const attentionSpecs: KernelSpec<Shape>[] = (["f32", "f16"] as KvFormat[]).map((format) => ({
  name: `attention ${format}`,
  shapes: [
    { rows: 1, heads: 1, kvHeads: 1, headDim: 4, pages: 2, ...FREE },
    { rows: 37, heads: 4, kvHeads: 2, headDim: 32, pages: 2, ...FREE },
    { rows: 9, heads: 16, kvHeads: 4, headDim: 128, pages: 2, ...FREE },
    {
      rows: 11,
      heads: 2,
      kvHeads: 1,
      headDim: 20,
      pages: CPU_SPAN / PAGE + 1,
      ...FREE,
    },
    { rows: 5, heads: 9, kvHeads: 1, headDim: 8, pages: 1, ...FREE },
    {
      rows: 13,
      heads: 4,
      kvHeads: 2,
      headDim: 36,
      pages: 2 * CPU_SPAN / PAGE + 3,
      ...FREE,
      split: 16,
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

function stored(values: Float32Array<ArrayBuffer>, format: KvFormat): Arrays[string] {
  return format === "f32" ? values : new Uint32Array(new Float16Array(values).buffer);
}

function loaded(values: ArrayLike<number>, format: KvFormat): ArrayLike<number> {
  return format === "f32" ? values : new Float16Array((values as Uint32Array).buffer);
}
