/** What all forms of attention are told, bind and are compiled with. */
import spansSource from "./attention_spans.wgsl" with { type: "text" };
import { type KvView, PAGE } from "./kv_cache.ts";
import type { WgslFile } from "../launch.ts";
import type { HeadShape } from "./qk_norm_rope.ts";

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

/** Room for the spans of a split attention. */
export interface SplitAttention {
  /** [rows, heads, spans, headDim + 4] */
  readonly parts: GPUBuffer;
  /** Passes of at most this many rows are split. */
  readonly rows: number;
}

/** How spans of keys are joined. */
export const SPANS: WgslFile = {
  name: "kernels/attention/attention_spans.wgsl",
  text: spansSource,
};

/** What all forms bind and are compiled with. */
export function attentionCall({ kv, headDim, ...options }: AttentionOptions) {
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
