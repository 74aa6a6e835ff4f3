/** Weight matrices on the device: their formats, and how a matrix larger than a binding is split. */
import blockQ4 from "./block_q4.wgsl" with { type: "text" };
import blockQ8 from "./block_q8.wgsl" with { type: "text" };
import blocks from "./blocks.wgsl" with { type: "text" };
import int8Q4 from "./int8_q4.wgsl" with { type: "text" };
import int8Q8 from "./int8_q8.wgsl" with { type: "text" };
import rawBlocks from "./raw_blocks.wgsl" with { type: "text" };
import rawF16 from "./raw_f16.wgsl" with { type: "text" };
import rawQ4 from "./raw_q4.wgsl" with { type: "text" };
import rawQ8 from "./raw_q8.wgsl" with { type: "text" };
import rawQuads from "./raw_quads.wgsl" with { type: "text" };
import weightsF16 from "./weights_f16.wgsl" with { type: "text" };
import weightsF32 from "./weights_f32.wgsl" with { type: "text" };
import weightsQ4 from "./weights_q4.wgsl" with { type: "text" };
import weightsQ8 from "./weights_q8.wgsl" with { type: "text" };
import wideF16 from "./wide_f16.wgsl" with { type: "text" };
import wideF32 from "./wide_f32.wgsl" with { type: "text" };
import wideQ4 from "./wide_q4.wgsl" with { type: "text" };
import wideQ8 from "./wide_q8.wgsl" with { type: "text" };
import { BLOCK, type BlockFormat, blocksOf, decodeBlocks, encodeBlocks } from "./blocks.ts";
import type { WgslFile } from "../launch.ts";

/** Storage formats of weights; each has one `load_w` in WGSL. */
export type WeightFormat = "f32" | "f16" | "q8" | "q4";

/** What rows may be converted from: a device has no bfloat16. */
export type SourceFormat = WeightFormat | "bf16";

/** All formats, the most exact first. */
export const WEIGHT_FORMATS = ["f32", "f16", "q8", "q4"] as const satisfies WeightFormat[];

/** How rows of x are rounded before they meet a weight in blocks. */
export type ActivationFormat = "f32" | "int8";

/** All of them, the exact one first. */
export const ACTIVATION_FORMATS = ["f32", "int8"] as const satisfies ActivationFormat[];

/** A part of a weight: rows `start .. start + count`, or experts when there are several. */
export interface WeightChunk {
  readonly buffer: GPUBuffer;
  /** Scales of the blocks, for formats in blocks. */
  readonly scales?: GPUBuffer;
  readonly start: number;
  readonly count: number;
}

/** One matrix [rows, columns], or `experts` of them stacked, cut into chunks that fit a binding. */
export interface Weight {
  readonly format: WeightFormat;
  /** What x is rounded to on its way in: float32 unless given; int8 for formats in blocks alone. */
  readonly activations?: ActivationFormat;
  readonly experts: number;
  readonly rows: number;
  readonly columns: number;
  readonly chunks: readonly WeightChunk[];
}

/** Rows of a matrix as bytes in a format. */
export interface StoredRows {
  readonly values: Uint8Array<ArrayBuffer>;
  /** For formats in blocks. */
  readonly scales?: Uint8Array<ArrayBuffer>;
}

const BLOCKS: WgslFile = { name: "kernels/weights/blocks.wgsl", text: blocks };

/** The WGSL files that define `load_w` for a format. */
export const WEIGHT_FILES: Readonly<Record<WeightFormat, readonly WgslFile[]>> = {
  f32: [{ name: "kernels/weights/weights_f32.wgsl", text: weightsF32 }],
  f16: [{ name: "kernels/weights/weights_f16.wgsl", text: weightsF16 }],
  q8: [BLOCKS, { name: "kernels/weights/weights_q8.wgsl", text: weightsQ8 }],
  q4: [BLOCKS, { name: "kernels/weights/weights_q4.wgsl", text: weightsQ4 }],
};

/** The WGSL files that load eight weights at a time, after kernels/matmul/runs_wide.wgsl. */
export const WIDE_WEIGHT_FILES: Readonly<Record<WeightFormat, readonly WgslFile[]>> = {
  f32: [{ name: "kernels/weights/wide_f32.wgsl", text: wideF32 }],
  f16: [{ name: "kernels/weights/wide_f16.wgsl", text: wideF16 }],
  q8: [BLOCKS, { name: "kernels/weights/wide_q8.wgsl", text: wideQ8 }],
  q4: [BLOCKS, { name: "kernels/weights/wide_q4.wgsl", text: wideQ4 }],
};

/** The WGSL files that load a block of 32 weights at a time, after kernels/matmul/runs_block.wgsl. */
export const BLOCK_WEIGHT_FILES: Readonly<Record<BlockFormat, readonly WgslFile[]>> = {
  q8: [BLOCKS, { name: "kernels/weights/block_q8.wgsl", text: blockQ8 }],
  q4: [BLOCKS, { name: "kernels/weights/block_q4.wgsl", text: blockQ4 }],
};

const RAW_BLOCKS: WgslFile = { name: "kernels/weights/raw_blocks.wgsl", text: rawBlocks };

/** Blocks as they are stored, and the same as int8 codes, with those of x packed alike. */
const RAW_FILES: Readonly<Record<BlockFormat, { raw: WgslFile; int8: WgslFile }>> = {
  q8: {
    raw: { name: "kernels/weights/raw_q8.wgsl", text: rawQ8 },
    int8: { name: "kernels/weights/int8_q8.wgsl", text: int8Q8 },
  },
  q4: {
    raw: { name: "kernels/weights/raw_q4.wgsl", text: rawQ4 },
    int8: { name: "kernels/weights/int8_q4.wgsl", text: int8Q4 },
  },
};

/** The WGSL files that load weights as they are stored, and decode them later; by teams of lanes. */
export function rawWeightFiles(
  { format, columns, activations = "f32" }: Pick<Weight, "format" | "columns" | "activations">,
): readonly WgslFile[] {
  if (inBlocks(format)) {
    const { raw, int8 } = RAW_FILES[format];
    return activations === "int8" ? [RAW_BLOCKS, raw, int8] : [RAW_BLOCKS, raw];
  }
  if (activations === "int8") {
    throw new TypeError(`Cannot multiply int8 activations with ${format}: expected q8 or q4`);
  }
  if (rawParts(format, columns) === 2) {
    return [{ name: "kernels/weights/raw_f16.wgsl", text: rawF16 }];
  }
  return [...WEIGHT_FILES[format], { name: "kernels/weights/raw_quads.wgsl", text: rawQuads }];
}

/** Groups of four columns by which `rawWeightFiles` count the rows of a weight. */
export function rawParts(format: WeightFormat, columns: number): number {
  if (inBlocks(format)) return BLOCK / 4;
  return format === "f16" && columns % 8 === 0 ? 2 : 1;
}

/** Groups of four columns that are loaded ahead of each of `rows` rows: what registers hold. */
export function pieceQuads(format: WeightFormat, columns: number, rows: number): number {
  if (inBlocks(format)) return BLOCK / 4;
  if (rawParts(format, columns) === 2) return 4;
  return rows === 1 ? BLOCK / 4 : 2;
}

/** Whether a format has blocks with scales. */
export function inBlocks(format: SourceFormat): format is BlockFormat {
  return format === "q8" || format === "q4";
}

/** What the weights of a product and its x are rounded to. */
export interface ProductFormats {
  readonly format: WeightFormat;
  readonly activations: ActivationFormat;
}

/** Each format of weights with float32 x, behind those in blocks their own with int8 x. */
export const PRODUCT_FORMATS: readonly ProductFormats[] = WEIGHT_FORMATS.flatMap((format) =>
  ACTIVATION_FORMATS.filter((activations) => activations === "f32" || inBlocks(format))
    .map((activations) => ({ format, activations }))
);

/** "q4", or "q4 int8". */
export function formatsName({ format, activations }: ProductFormats): string {
  return activations === "f32" ? format : `${format} ${activations}`;
}

/** Columns of a row as stored: whole blocks. */
export function storedColumns(format: SourceFormat, columns: number): number {
  return inBlocks(format) ? blocksOf(columns) * BLOCK : columns;
}

/** Bytes of one row, of its values and of its scales. */
export function rowBytes(
  format: SourceFormat,
  columns: number,
): { readonly values: number; readonly scales: number } {
  const bits = { f32: 32, f16: 16, bf16: 16, q8: 8, q4: 4 }[format];
  return {
    values: storedColumns(format, columns) * bits / 8,
    scales: inBlocks(format) ? 2 * blocksOf(columns) : 0,
  };
}

/** Bytes of one row in all. */
export function bytesOfRow(format: WeightFormat, columns: number): number {
  const { values, scales } = rowBytes(format, columns);
  return values + scales;
}

/** Whole rows of `columns` as they are stored in `format`. */
export function encodeRows(
  values: Float32Array,
  format: WeightFormat,
  columns: number,
): StoredRows {
  if (format === "f32") return { values: bytesOf(new Float32Array(values)) };
  if (format === "f16") return { values: bytesOf(new Float16Array(values)) };
  const { codes, scales } = encodeBlocks(values, format, columns);
  return { values: codes, scales: bytesOf(scales) };
}

/** The values of stored rows of `columns`. */
export function decodeRows(
  { values, scales }: StoredRows,
  format: SourceFormat,
  columns: number,
): Float32Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = values;
  if (format === "f32") return new Float32Array(buffer, byteOffset, byteLength / 4);
  if (format === "f16") {
    return new Float32Array(new Float16Array(buffer, byteOffset, byteLength / 2));
  }
  if (format === "bf16") return widened(new Uint16Array(buffer, byteOffset, byteLength / 2));
  const halves = new Float16Array(scales!.buffer, scales!.byteOffset, scales!.byteLength / 2);
  return decodeBlocks({ codes: values, scales: halves }, format, columns);
}

/** A bfloat16 is the upper half of a float32. */
function widened(halves: Uint16Array): Float32Array<ArrayBuffer> {
  const words = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) words[i] = halves[i] << 16;
  return new Float32Array(words.buffer);
}

/** Rows and what becomes of them. */
export interface Conversion {
  readonly rows: StoredRows;
  readonly from: SourceFormat;
  readonly to: WeightFormat;
  /** Values of a row. */
  readonly columns: number;
}

/** Rows in another format. */
export function convertRows({ rows, from, to, columns }: Conversion): StoredRows {
  return encodeRows(decodeRows(rows, from, columns), to, columns);
}

function bytesOf(array: ArrayBufferView<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** A weight that is one buffer, with another one for its scales if it has blocks. */
export function wholeWeight(
  buffer: GPUBuffer,
  { scales, ...shape }: {
    format: WeightFormat;
    activations?: ActivationFormat;
    experts?: number;
    rows: number;
    columns: number;
    scales?: GPUBuffer;
  },
): Weight {
  const experts = shape.experts ?? 1;
  const count = experts > 1 ? experts : shape.rows;
  return { ...shape, experts, chunks: [{ buffer, scales, start: 0, count }] };
}
