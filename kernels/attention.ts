/** GQA attention of a pass's rows over the paged KV cache. */
import source from "./attention.wgsl" with { type: "text" };
import subgroup from "./attention_subgroup.wgsl" with { type: "text" };
import { kvFiles, type KvFormat, type KvView, PAGE } from "./kv_cache.ts";
import { CPU_LANES, type Dispatch, type Launcher } from "./launch.ts";
import { exampleRows, type HeadShape } from "./qk_norm_rope.ts";
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
}

/** Prepares softmax(q . k / sqrt(D)) . v over each row's visible keys (spec/model.md section 3). */
export async function attentionKernel(
  launcher: Launcher,
  options: AttentionOptions,
): Promise<Dispatch[]> {
  const { kv, headDim } = options;
  const lanes = launcher.target === "gpu" ? 32 : CPU_LANES;
  const shuffles = launcher.target === "cpu" && launcher.subgroupSize === CPU_LANES;
  const file = shuffles
    ? { name: "kernels/attention_subgroup.wgsl", text: subgroup }
    : { name: "kernels/attention.wgsl", text: source };
  return [
    await launcher.prepare({
      label: options.label,
      files: [...kvFiles(kv.format), file],
      constants: {
        LANES: lanes,
        PAGE,
        TABLE_PAGES: kv.tablePages,
        D4: headDim / 4,
        DL: Math.ceil(headDim / 4 / lanes),
      },
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
      groups: (rows) => [options.heads, Math.ceil(rows / lanes)],
    }),
  ];
}

type Shape = { rows: number; heads: number; kvHeads: number; headDim: number };

/** Checks and times attention with keys and values in either format. */
export const attentionSpecs: KernelSpec<Shape>[] = (["f32", "f16"] as KvFormat[]).map((format) => ({
  name: `attention ${format}`,
  shapes: [
    { rows: 1, heads: 1, kvHeads: 1, headDim: 4 },
    { rows: 37, heads: 4, kvHeads: 2, headDim: 32 },
    { rows: 9, heads: 16, kvHeads: 4, headDim: 128 },
  ],
  benchShapes: [
    { rows: 32, heads: 4, kvHeads: 2, headDim: 32 },
    { rows: 32, heads: 16, kvHeads: 4, headDim: 128 },
  ],
  tolerance: 3e-6, // f32 dots of headDim terms under an exp, averaged over the keys
  inputs: ({ rows, heads, kvHeads, headDim }) => {
    const cached = 4 * PAGE * kvHeads * headDim;
    const q = uniform(rows * (heads + 2 * kvHeads) * headDim, 3);
    q[0] = 30; // one sharp row
    return {
      live: liveRows(rows),
      rows: exampleRows(rows),
      table: Uint32Array.of(2, 1, 3, 0),
      keys: stored(uniform(cached, 1, 2), format),
      values: stored(uniform(cached, 2), format),
      qkv: q,
      out: uniform(rows * heads * headDim, 4),
    };
  },
  reference: ({ rows: count, heads, kvHeads, headDim }, { rows, table, qkv, ...kv }) => {
    const keys = loaded(kv.keys, format);
    const values = loaded(kv.values, format);
    const out = new Float64Array(count * heads * headDim);
    for (let r = 0; r < count; r++) {
      const [slot, , , visible] = rows.subarray(r * 4);
      for (let head = 0; head < heads; head++) {
        const q = qkv.subarray((r * (heads + 2 * kvHeads) + head) * headDim);
        const kvHead = Math.floor(head / (heads / kvHeads));
        const at = (key: number) =>
          ((table[slot * 2 + Math.floor(key / PAGE)] * PAGE + key % PAGE) * kvHeads + kvHead) *
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
  prepare: (launcher, { heads, kvHeads, headDim }, b) =>
    attentionKernel(launcher, {
      label: "attention",
      live: b.live,
      rows: b.rows,
      kv: { format, keys: b.keys, values: b.values, table: b.table, tablePages: 2 },
      qkv: b.qkv,
      stride: heads + 2 * kvHeads,
      out: b.out,
      heads,
      kvHeads,
      headDim,
    }),
  rows: ({ rows }) => rows,
  bytes: ({ rows, heads, kvHeads, headDim }) =>
    (format === "f32" ? 4 : 2) * 4 * PAGE * kvHeads * headDim * 2 + 8 * rows * heads * headDim,
  flops: ({ rows, heads, headDim }) => 4 * rows * heads * headDim * PAGE,
}));

function stored(values: Float32Array, format: KvFormat): Float32Array | Uint32Array {
  return format === "f32" ? values : new Uint32Array(new Float16Array(values).buffer);
}

function loaded(values: ArrayLike<number>, format: KvFormat): ArrayLike<number> {
  return format === "f32" ? values : new Float16Array((values as Uint32Array).buffer);
}
