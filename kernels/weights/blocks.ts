/** Blocks of quantized weights: 32 along a row with one float16 scale (docs/formats.md). */

/** Weights of a block. */
export const BLOCK = 32;

/** Formats in blocks. */
export type BlockFormat = "q8" | "q4";

/** Rows as they are stored: codes, and a scale for each block. */
export interface Blocks {
  readonly codes: Uint8Array<ArrayBuffer>;
  /** [rows, blocks of a row] */
  readonly scales: Float16Array<ArrayBuffer>;
}

/** Blocks of a row of `columns`; the last one is filled up with zeros. */
export function blocksOf(columns: number): number {
  return Math.ceil(columns / BLOCK);
}

/**
 * Rounds whole rows of `columns` to blocks. q8: scale = max |w| / 127, code = round(w / scale). q4: scale =
 * the value of largest magnitude / -8, so that all 16 codes count, code = round(w / scale) + 8 within 0 .. 15.
 * Codes are taken against the scale as float16 has it. A block with a value that is not finite gets the
 * scale NaN: rounding must not hide it.
 */
export function encodeBlocks(values: Float32Array, format: BlockFormat, columns: number): Blocks {
  const padded = inWholeBlocks(values, columns);
  const bits = new Int32Array(padded.buffer, padded.byteOffset, padded.length);
  const scales = new Float16Array(padded.length / BLOCK);
  const codes = new Uint8Array(format === "q8" ? padded.length : padded.length / 2);
  const encode = format === "q8" ? encodeBytes : encodeNibbles;
  for (let index = 0; index < scales.length; index++) {
    const at = index * BLOCK;
    const scale = scaleOf(extremeOf(bits, at), format);
    scales[index] = scale;
    encode(padded, at, scale === 0 ? 0 : 1 / scale, codes);
  }
  return { codes, scales };
}

/** Rows of `columns` with zeros behind them up to a whole block. */
function inWholeBlocks(values: Float32Array, columns: number): Float32Array {
  if (columns % BLOCK === 0) return values;
  const rows = values.length / columns;
  const width = blocksOf(columns) * BLOCK;
  const padded = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    padded.set(values.subarray(row * columns, (row + 1) * columns), row * width);
  }
  return padded;
}

/**
 * A block's scale as float16. Below 2^-14 these are 2^-24 apart: where the nearest one is so small that the
 * extreme's code would not fit, the next larger one is taken.
 */
function scaleOf(extreme: number, format: BlockFormat): number {
  const exact = format === "q8" ? Math.abs(extreme) / 127 : extreme / -8;
  const scale = Math.f16round(exact);
  const reach = Math.abs(scale) * (format === "q8" ? 127.5 : 8.5);
  return Math.abs(extreme) < reach ? scale : scale + Math.sign(exact) * 2 ** -24;
}

/** Bits of float32's infinity: what is not finite has no smaller ones. */
const INFINITE = 0x7f800000;
const WORD = new Int32Array(1);
const FLOAT = new Float32Array(WORD.buffer);

/**
 * The value of largest magnitude in a block, given as bits; NaN when one is not finite. Numbers of one sign
 * are in the order of their bits, which are compared without waiting for a float unit, and without branches,
 * which would be predicted wrong several times a block: `d & d >> 31` is d where it is negative, else 0.
 */
function extremeOf(bits: Int32Array, at: number): number {
  let largest = 0; // magnitude of all
  let positive = 0; // and of the positive ones
  for (let i = at; i < at + BLOCK; i++) {
    const value = bits[i];
    const d = largest - (value & 0x7fffffff);
    const e = positive - (value & ~(value >> 31));
    largest = largest - (d & d >> 31) | 0;
    positive = positive - (e & e >> 31) | 0;
  }
  if (largest >= INFINITE) return NaN;
  WORD[0] = largest > positive ? largest | 0x80000000 : largest;
  return FLOAT[0];
}

// Both shift codes to positive numbers, where cutting off the fraction of v + 0.5 rounds to nearest.

function encodeBytes(values: Float32Array, at: number, inverse: number, codes: Uint8Array): void {
  for (let i = at; i < at + BLOCK; i++) codes[i] = (values[i] * inverse + 128.5 | 0) - 128;
}

function encodeNibbles(values: Float32Array, at: number, inverse: number, codes: Uint8Array): void {
  for (let i = at; i < at + BLOCK; i += 2) {
    const low = values[i] * inverse + 8.5 | 0;
    const high = values[i + 1] * inverse + 8.5 | 0;
    codes[i >> 1] = (low > 15 ? 15 : low) | (high > 15 ? 15 : high) << 4;
  }
}

/** The values that blocks stand for, exactly as kernels compute them. */
export function decodeBlocks(
  { codes, scales }: Blocks,
  format: BlockFormat,
  columns: number,
): Float32Array<ArrayBuffer> {
  const perRow = blocksOf(columns);
  const rows = scales.length / perRow;
  const values = new Float32Array(rows * columns);
  const bytes = new Int8Array(codes.buffer, codes.byteOffset, codes.length);
  for (const [index, scale] of scales.entries()) {
    const first = index % perRow * BLOCK;
    const start = Math.floor(index / perRow) * columns + first;
    const width = Math.min(BLOCK, columns - first);
    for (let i = 0; i < width; i++) {
      const at = index * BLOCK + i;
      const code = format === "q8" ? bytes[at] : (codes[at >> 1] >> (4 * (at & 1)) & 15) - 8;
      values[start + i] = code * scale;
    }
  }
  return values;
}
