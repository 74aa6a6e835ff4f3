/** Weight matrices on the device: their formats, and how a matrix larger than a binding is split. */
import weightsF16 from "./weights_f16.wgsl" with { type: "text" };
import weightsF32 from "./weights_f32.wgsl" with { type: "text" };
import wideF16 from "./wide_f16.wgsl" with { type: "text" };
import wideF32 from "./wide_f32.wgsl" with { type: "text" };
import type { WgslFile } from "./launch.ts";

/** Storage formats of weights; each has one `load_w` in WGSL. */
export type WeightFormat = "f32" | "f16";

/** A part of a weight: rows `start .. start + count`, or experts when there are several. */
export interface WeightChunk {
  readonly buffer: GPUBuffer;
  readonly start: number;
  readonly count: number;
}

/** One matrix [rows, columns], or `experts` of them stacked, cut into chunks that fit a binding. */
export interface Weight {
  readonly format: WeightFormat;
  readonly experts: number;
  readonly rows: number;
  readonly columns: number;
  readonly chunks: readonly WeightChunk[];
}

/** Bytes of one value. */
export const WEIGHT_BYTES: Readonly<Record<WeightFormat, number>> = { f32: 4, f16: 2 };

/** The WGSL file that defines `load_w` for a format. */
export const WEIGHT_FILES: Readonly<Record<WeightFormat, WgslFile>> = {
  f32: { name: "kernels/weights_f32.wgsl", text: weightsF32 },
  f16: { name: "kernels/weights_f16.wgsl", text: weightsF16 },
};

/** The WGSL file that loads eight weights at a time, after kernels/runs_wide.wgsl. */
export const WIDE_WEIGHT_FILES: Readonly<Record<WeightFormat, WgslFile>> = {
  f32: { name: "kernels/wide_f32.wgsl", text: wideF32 },
  f16: { name: "kernels/wide_f16.wgsl", text: wideF16 },
};

/** Values as they are stored in `format`. */
export function encodeWeight(
  values: Float32Array,
  format: WeightFormat,
): Float32Array<ArrayBuffer> | Float16Array<ArrayBuffer> {
  return format === "f32" ? new Float32Array(values) : new Float16Array(values);
}

/** A weight that is one buffer. */
export function wholeWeight(
  buffer: GPUBuffer,
  shape: { format: WeightFormat; experts?: number; rows: number; columns: number },
): Weight {
  const experts = shape.experts ?? 1;
  const count = experts > 1 ? experts : shape.rows;
  return { ...shape, experts, chunks: [{ buffer, start: 0, count }] };
}
