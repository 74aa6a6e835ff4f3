/** Training masks as spans of a pass's rows, for the specs of the kernels that read them. */
import type { Arrays } from "../spec.ts";

/** A pass of `sequences` packed sequences under a mask of training (spec/model.md section 8.2). */
export interface MaskShape {
  readonly sequences: number;
  /** Tokens of a sequence. */
  readonly length: number;
  /** Tokens of a block. */
  readonly block: number;
  /** 0 block diffusion, 1 the same over several documents, 2 MDLM, 3 causal. */
  readonly mask: number;
}

/** One row of a pass. */
interface Row {
  /** 0 for the clean stream, 1 and 2 for the noisy ones. */
  readonly stream: number;
  readonly position: number;
  readonly block: number;
  readonly document: number;
}

/** Rows of one sequence, stream by stream. */
function rowsOf({ length, block, mask }: MaskShape, sequence: number): Row[] {
  const streams = mask < 2 ? [0, 1, 2] : [0];
  return streams.flatMap((stream) =>
    Array.from({ length }, (_, position) => ({
      stream,
      position,
      block: Math.floor(position / block),
      // Documents end within blocks.
      document: mask === 1 || mask === 2 ? Math.floor((position + sequence) * 3 / length) : 0,
    })).filter((row) => stream === 0 || (row.block + stream + sequence) % 4 > 0) // left-out blocks
  );
}

function sees(mask: number, row: Row, key: Row): boolean {
  if (row.document !== key.document) return false;
  if (mask === 3) return key.position <= row.position;
  if (mask === 2) return true;
  if (key.stream === 0) {
    return row.stream === 0 ? key.block <= row.block : key.block < row.block;
  }
  return key.stream === row.stream && key.block === row.block;
}

/** Rows of the pass. */
export function maskRows(shape: MaskShape): number {
  let rows = 0;
  for (let s = 0; s < shape.sequences; s++) rows += rowsOf(shape, s).length;
  return rows;
}

/**
 * `spans` and `queries` of the pass. Its last row sees what the row before it sees, and nobody sees the
 * last row: kernels must not take it for granted that a row sees itself.
 */
export function maskSpans(shape: MaskShape): Arrays {
  const spans: number[] = [];
  const queries: number[] = [];
  for (let s = 0; s < shape.sequences; s++) {
    const rows = rowsOf(shape, s);
    const first = spans.length / 4;
    const ownerless = s === shape.sequences - 1 && rows.length > 1 ? rows.at(-1) : undefined;
    const seen = (row: Row, key: Row) =>
      key !== ownerless && sees(shape.mask, row === ownerless ? rows.at(-2)! : row, key);
    for (const row of rows) {
      spans.push(...runs(rows.map((key) => seen(row, key)), { first, most: 2 }));
      queries.push(...runs(rows.map((query) => seen(query, row)), { first, most: 4 }));
    }
  }
  return { spans: Uint32Array.from(spans), queries: Uint32Array.from(queries) };
}

/** Runs of `true` as `most` spans that count from `first`. */
function runs(flags: boolean[], { first, most }: { first: number; most: number }): number[] {
  const found: number[] = [];
  flags.forEach((flag, i) => {
    if (flag && !flags[i - 1]) found.push(first + i);
    if (flag && !flags[i + 1]) found.push(first + i + 1);
  });
  if (found.length > 2 * most) throw new RangeError(`Cannot hold ${found} in ${most} spans`);
  return [...found, ...new Array(2 * most - found.length).fill(0)];
}
