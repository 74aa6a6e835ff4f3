/** QK norm, partial rotary embedding and the write into the KV cache, in one dispatch. */
import source from "./qk_norm_rope.wgsl" with { type: "text" };
import { kvFiles, type KvView, PAGE } from "./kv_cache.ts";
import type { Dispatch, Launcher } from "./launch.ts";
import { type KernelSpec, liveRows, uniform } from "./spec.ts";

/** Sizes of attention heads. */
export interface HeadShape {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

/** Buffers and options of the kernel. */
export interface QkNormRopeOptions extends HeadShape {
  readonly label: string;
  readonly live: GPUBuffer;
  readonly rows: GPUBuffer;
  readonly kv: KvView;
  /** [rows, heads + 2 kvHeads, headDim]; q is normed and turned in place. */
  readonly qkv: GPUBuffer;
  /** [2, headDim]: weights of the q norm, then of the k norm. */
  readonly norm: GPUBuffer;
  /** [positions, 2, rotaryDim / 2]: cos, then sin. */
  readonly rope: GPUBuffer;
  readonly rotaryDim: number;
  readonly qkNorm: boolean;
  readonly eps: number;
}

/** Prepares spec/model.md section 3, steps 2.2 to 2.4, for every row. */
export async function qkNormRopeKernel(
  launcher: Launcher,
  options: QkNormRopeOptions,
): Promise<Dispatch[]> {
  const { kv, headDim, rotaryDim } = options;
  return [
    await launcher.prepare({
      label: options.label,
      files: [
        ...kvFiles(kv.format),
        { name: "kernels/qk_norm_rope.wgsl", text: source },
      ],
      constants: {
        LANES: launcher.target === "gpu" ? 32 : 8,
        PAGE,
        TABLE_PAGES: kv.tablePages,
        D4: headDim / 4,
        R8: rotaryDim / 8,
        QK_NORM: options.qkNorm,
      },
      params: {
        rows_at: 0,
        heads: options.heads,
        kv_heads: options.kvHeads,
        eps: options.eps,
      },
      bindings: [
        options.live,
        options.rows,
        kv.table,
        kv.keys,
        kv.values,
        options.qkv,
        options.norm,
        options.rope,
      ],
      groups: (rows) => [rows],
    }),
  ];
}

type Shape = { rows: number; heads: number; kvHeads: number; headDim: number; rotaryDim: number };

/** Checks and times the kernel; two sequences, pages out of order. */
export const qkNormRopeSpecs: KernelSpec<Shape>[] = [{
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
    const half = rotaryDim / 2;
    for (let r = 0; r < count; r++) {
      const [slot, position] = rows.subarray(r * 4);
      const cached = table[slot * 2 + Math.floor(position / PAGE)] * PAGE + position % PAGE;
      for (let head = 0; head < heads + 2 * kvHeads; head++) {
        const at = (r * (heads + 2 * kvHeads) + head) * headDim;
        const x = Float64Array.from(inputs.qkv.subarray(at, at + headDim));
        if (head >= heads + kvHeads) {
          values.set(x, (cached * kvHeads + head - heads - kvHeads) * headDim);
          continue;
        }
        const isKey = head >= heads;
        const scale = 1 / Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / headDim + 1e-6);
        const normed = x.map((v, i) => v * scale * norm[(isKey ? headDim : 0) + i]);
        const turned = normed.slice();
        for (let i = 0; i < half; i++) {
          const [c, s] = [rope[position * rotaryDim + i], rope[position * rotaryDim + half + i]];
          turned[i] = normed[i] * c - normed[half + i] * s;
          turned[half + i] = normed[half + i] * c + normed[i] * s;
        }
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

/** Rows of two sequences over `pages` pages each: (slot, position, token, visible keys). */
export function exampleRows(count: number, pages = 2): Uint32Array {
  const rows = new Uint32Array(count * 4);
  const length = pages * PAGE;
  for (let r = 0; r < count; r++) {
    const slot = r % 2;
    const position = (r >> 1) * 3 % length;
    const visible = r % 5 === 4 ? length - r : position + 1 + r % 7;
    rows.set([slot, position, 0, Math.min(length, visible)], r * 4);
  }
  return rows;
}

/** Pages of two sequences, none where it would be by chance. */
export function exampleTable(pages = 2): Uint32Array {
  return Uint32Array.from({ length: 2 * pages }, (_, i) => 2 * pages - 1 - i);
}
