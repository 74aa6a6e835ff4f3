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
  const perRow = blocksOf(columns);
  const count = values.length / columns * perRow;
  const scales = new Float16Array(count);
  const codes = new Uint8Array(count * (format === "q8" ? BLOCK : BLOCK / 2));
  const block = new Float32Array(BLOCK); // zeros behind the last column
  for (let index = 0; index < count; index++) {
    const start = Math.floor(index / perRow) * columns + index % perRow * BLOCK;
    const width = Math.min(BLOCK, columns - index % perRow * BLOCK);
    if (width < BLOCK) block.fill(0);
    for (let i = 0; i < width; i++) block[i] = values[start + i];
    scales[index] = scaleOf(extremeOf(block), format);
    const inverse = scales[index] === 0 ? 0 : 1 / scales[index];
    if (format === "q8") encodeBytes(block, inverse, codes, index * BLOCK);
    else encodeNibbles(block, inverse, codes, index * BLOCK / 2);
  }
  return { codes, scales };
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

/** The value of largest magnitude; NaN when one is not finite. */
function extremeOf(block: Float32Array): number {
  let least = 0;
  let most = 0;
  let finite = 0; // stays 0 unless a value is NaN or infinite
  for (let i = 0; i < BLOCK; i++) {
    const value = block[i];
    if (value < least) least = value;
    if (value > most) most = value;
    finite += value - value;
  }
  return (-least > most ? least : most) + finite;
}

// Both shift codes to positive numbers, where cutting off the fraction of v + 0.5 rounds to nearest.

function encodeBytes(block: Float32Array, inverse: number, codes: Uint8Array, to: number): void {
  for (let i = 0; i < BLOCK; i++) codes[to + i] = (block[i] * inverse + 128.5 | 0) - 128;
}

function encodeNibbles(block: Float32Array, inverse: number, codes: Uint8Array, to: number): void {
  for (let i = 0; i < BLOCK; i += 2) {
    const low = block[i] * inverse + 8.5 | 0;
    const high = block[i + 1] * inverse + 8.5 | 0;
    codes[to + (i >> 1)] = (low > 15 ? 15 : low) | (high > 15 ? 15 : high) << 4;
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
