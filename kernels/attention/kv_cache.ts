/** The paged KV cache as kernels see it. */
import kvF16 from "./kv_f16.wgsl" with { type: "text" };
import kvF32 from "./kv_f32.wgsl" with { type: "text" };
import pages from "./pages.wgsl" with { type: "text" };
import type { WgslFile } from "../launch.ts";

/** Tokens of one page; a multiple of 4, since attention reads four keys at a time. */
export const PAGE = 32;

/** Storage formats of keys and values. */
export type KvFormat = "f32" | "f16";

/** Where rows of a pass find their sequence's keys and values. */
export interface KvView {
  readonly format: KvFormat;
  /** [pages * PAGE, kv heads, head size] */
  readonly keys: GPUBuffer;
  readonly values: GPUBuffer;
  /** [slots, tablePages] page numbers. */
  readonly table: GPUBuffer;
  readonly tablePages: number;
}

/** WGSL files that load and store keys and values in `format` and find their pages. */
export function kvFiles(format: KvFormat): WgslFile[] {
  const text = format === "f32" ? kvF32 : kvF16;
  return [
    { name: "kernels/attention/pages.wgsl", text: pages },
    { name: `kernels/attention/kv_${format}.wgsl`, text },
  ];
}
