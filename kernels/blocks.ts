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
 * Codes are taken against the scale as float16 rounded it. A block with a value that is not finite gets the
 * scale NaN: rounding must not hide it.
 */
export function encodeBlocks(values: Float32Array, format: BlockFormat, columns: number): Blocks {
  const perRow = blocksOf(columns);
  const rows = values.length / columns;
  const scales = new Float16Array(rows * perRow);
  const codes = new Uint8Array(rows * perRow * (format === "q8" ? BLOCK : BLOCK / 2));
  for (let row = 0; row < rows; row++) {
    for (let b = 0; b < perRow; b++) {
      const start = row * columns + b * BLOCK;
      const count = Math.min(BLOCK, columns - b * BLOCK);
      const block = row * perRow + b;
      let extreme = 0;
      let finite = 0; // stays 0 unless a value is NaN or infinite
      for (let i = start; i < start + count; i++) {
        if (Math.abs(values[i]) > Math.abs(extreme)) extreme = values[i];
        finite += values[i] - values[i];
      }
      extreme += finite;
      scales[block] = format === "q8" ? Math.abs(extreme) / 127 : extreme / -8;
      const scale = scales[block];
      const inverse = scale === 0 ? 0 : 1 / scale;
      if (format === "q8") encodeBytes(values, codes, { start, count, inverse, to: block * BLOCK });
      else encodeNibbles(values, codes, { start, count, inverse, to: block * BLOCK / 2 });
    }
  }
  return { codes, scales };
}

interface Part {
  readonly start: number;
  readonly count: number;
  readonly inverse: number;
  readonly to: number;
}

function encodeBytes(values: Float32Array, codes: Uint8Array, part: Part): void {
  const { start, count, inverse, to } = part;
  for (let i = 0; i < count; i++) {
    codes[to + i] = Math.max(-127, Math.min(127, Math.round(values[start + i] * inverse)));
  }
}

function encodeNibbles(values: Float32Array, codes: Uint8Array, part: Part): void {
  const { start, count, inverse, to } = part;
  const code = (i: number) =>
    i < count ? Math.max(0, Math.min(15, Math.round(values[start + i] * inverse) + 8)) : 8;
  for (let i = 0; i < BLOCK; i += 2) codes[to + i / 2] = code(i) | code(i + 1) << 4;
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
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < columns; i++) {
      const at = row * perRow * BLOCK + i;
      const code = format === "q8" ? bytes[at] : (codes[at >> 1] >> (4 * (at & 1)) & 15) - 8;
      values[row * columns + i] = code * scales[Math.floor(at / BLOCK)];
    }
  }
  return values;
}
