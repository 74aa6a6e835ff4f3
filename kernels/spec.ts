/**
 * What a kernel promises: shapes, inputs that can fail, a float64 reference and a tolerance. Tests and
 * benches walk the same specs.
 */
import type { Dispatch, Launcher } from "./launch.ts";
import { BLOCK } from "./weights/blocks.ts";
import {
  type ActivationFormat,
  decodeRows,
  encodeRows,
  rowBytes,
  type StoredRows,
  type WeightFormat,
} from "./weights/weight.ts";

/** Buffers' contents by name. */
export type Arrays = Record<string, Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>>;

/** One kernel, or one way to configure it, with everything needed to check and time it. */
export interface KernelSpec<S extends Record<string, number> = Record<string, number>> {
  /** The kernel, and the configuration if there are several. */
  readonly name: string;
  /** Odd shapes for tests: 1, primes, one past a tile, nano's own. */
  readonly shapes: readonly S[];
  /** Shapes worth timing, nano's and mini's. */
  readonly benchShapes: readonly S[];
  /** Largest difference allowed, relative to the largest reference value of an output. */
  readonly tolerance: number;
  /** What every buffer holds before the run; outputs too, so that stray writes show. */
  inputs(shape: S): Arrays;
  /** Expected contents of each output, in float64 (integers where the kernel writes integers). */
  reference(shape: S, inputs: Arrays): Record<string, ArrayLike<number>>;
  /** Prepares the dispatches over buffers of the same names as `inputs`. */
  prepare(launcher: Launcher, shape: S, buffers: Record<string, GPUBuffer>): Promise<Dispatch[]>;
  /** Rows of the pass, for the number of workgroups. */
  rows(shape: S): number;
  /** Bytes that have to cross memory at least once. */
  bytes(shape: S): number;
  /** Floating-point operations, a multiply-add counted as two. */
  flops(shape: S): number;
  /** For a backward kernel: the function that it differentiates. */
  readonly gradient?: Gradient<S>;
}

/** What a backward kernel differentiates, so that tests can check its reference by differences. */
export interface Gradient<S> {
  /** The function in float64; reads and returns buffers by name. */
  forward(
    shape: S,
    inputs: Readonly<Record<string, ArrayLike<number>>>,
  ): Record<string, ArrayLike<number>>;
  /** Each output of `forward`, and the input that holds the loss's gradient with respect to it. */
  readonly upstream: Readonly<Record<string, string>>;
  /** Each output of the kernel that is a gradient, and the input of `forward` that it belongs to. */
  readonly of: Readonly<Record<string, string>>;
  /** Outputs that the kernel adds to what they hold. */
  readonly added?: readonly string[];
}

/** Uniform numbers in -1..1 from a xorshift generator: the same on every machine. */
export function uniform(length: number, seed: number, scale = 1): Float32Array<ArrayBuffer> {
  let state = (seed * 0x9e3779b9) >>> 0 || 1;
  return Float32Array.from({ length }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return ((state >>> 0) / 2 ** 31 - 1) * scale;
  });
}

/**
 * Rows of x for a kernel that rounds them to `activations`: for int8 a peak of 127/128 in each block, and others
 * a quarter of a code away from theirs, so that no device's division decides a code.
 */
export function exampleInputs(
  shape: { rows: number; columns: number },
  activations: ActivationFormat,
  seed: number,
): Float32Array<ArrayBuffer> {
  const x = uniform(shape.rows * shape.columns, seed);
  if (activations === "f32") return x;
  return x.map((value, i) => {
    const first = i % shape.columns % BLOCK === 0;
    return (first ? 127 * Math.sign(value) : Math.round(value * 126) + 0.25) / 128;
  });
}

/** What the kernel multiplies for them, in float64. */
export function roundedRows(
  x: Float32Array,
  columns: number,
  activations: ActivationFormat,
): Float64Array {
  const rounded = Float64Array.from(x);
  for (let row = 0; activations === "int8" && row < x.length; row += columns) {
    for (let start = row; start < row + columns; start += BLOCK) {
      const block = rounded.subarray(start, Math.min(start + BLOCK, row + columns));
      const scale = block.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127;
      if (scale > 0) block.forEach((value, i) => block[i] = Math.round(value / scale) * scale);
    }
  }
  return rounded;
}

/** A `live` buffer for `rows` rows, all of which need logits. */
export function liveRows(rows: number): Uint32Array<ArrayBuffer> {
  return Uint32Array.of(rows, rows, 1, 0);
}

/** A weight's buffers in a format; a format without blocks has no scales. */
export function storedWords(values: Float32Array, format: WeightFormat, columns: number): Arrays {
  const { values: w, scales } = encodeRows(values, format, columns);
  return scales ? { w: words(w), scales: words(scales) } : { w: words(w) };
}

function words(bytes: Uint8Array): Uint32Array<ArrayBuffer> {
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  return new Uint32Array(padded.buffer);
}

/** What `storedWords` stands for. */
export function wordsValues(
  { w, scales }: Partial<Arrays>,
  format: WeightFormat,
  { rows, columns }: { rows: number; columns: number },
): Float32Array {
  const bytes = rowBytes(format, columns);
  const part = (array: ArrayBufferView | undefined, length: number) =>
    new Uint8Array((array?.buffer ?? new ArrayBuffer(0)) as ArrayBuffer, 0, length);
  const stored: StoredRows = {
    values: part(w, rows * bytes.values),
    scales: part(scales, rows * bytes.scales),
  };
  return decodeRows(stored, format, columns);
}
