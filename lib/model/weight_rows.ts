/** A weight's rows as its tensors give them: in pieces, read while those before them are used. */
import type { StoredRows } from "../../kernels/weights/weight.ts";
import type { WeightShape } from "./placement.ts";

/** Rows `start .. start + count` of a matrix, as stored in the weight's format. */
export type Rows = (start: number, count: number) => Promise<StoredRows>;

/** Values read and converted at once: bounds the host memory beside the model. */
const PIECE_VALUES = 4 << 20;

/** Reads rows that belong behind `at` others of a chunk. */
type Piece = () => Promise<{ at: number; stored: StoredRows }>;

/** The pieces of a chunk: rows `start ..` of a matrix, or whole experts. */
export function* piecesOf(
  shape: WeightShape,
  { start, count }: { start: number; count: number },
  rowsOf: (shape: WeightShape, expert: number) => Rows,
): Generator<Piece> {
  const { experts, columns } = shape;
  const piece = Math.max(2, Math.floor(PIECE_VALUES / columns / 2) * 2);
  const parts = experts === 1
    ? [{ source: rowsOf(shape, 0), first: start, rows: count }]
    : Array.from({ length: count }, (_, e) => (
      { source: rowsOf(shape, start + e), first: 0, rows: shape.rows }
    ));
  for (const [index, { source, first, rows }] of parts.entries()) {
    for (let done = 0; done < rows; done += piece) {
      yield async () => ({
        at: index * rows + done,
        stored: await source(first + done, Math.min(piece, rows - done)),
      });
    }
  }
}

/** Reads pieces in order, `count()` of them while the one before is used. */
export async function* readAhead<V>(
  pieces: Iterable<() => Promise<V>>,
  count: () => number,
): AsyncGenerator<V> {
  const begun: Promise<V>[] = [];
  for (const read of pieces) {
    const piece = read();
    piece.catch(() => {}); // told where it is awaited
    begun.push(piece);
    if (begun.length > count()) yield await begun.shift()!;
  }
  for (const piece of begun) yield await piece;
}

/** Rows of gate and up in turn: row 2n is gate n, row 2n + 1 is up n. */
export function interleaved(gate: Rows, up: Rows): Rows {
  return async (start, count) => {
    const half = count / 2;
    const [g, u] = [await gate(start / 2, half), await up(start / 2, half)];
    return {
      values: inTurn(g.values, u.values, half),
      scales: g.scales && inTurn(g.scales, u.scales!, half),
    };
  };
}

function inTurn(even: Uint8Array, odd: Uint8Array, rows: number): Uint8Array<ArrayBuffer> {
  const bytes = even.length / rows;
  const both = new Uint8Array(2 * even.length);
  for (let row = 0; row < rows; row++) {
    both.set(even.subarray(row * bytes, (row + 1) * bytes), 2 * row * bytes);
    both.set(odd.subarray(row * bytes, (row + 1) * bytes), (2 * row + 1) * bytes);
  }
  return both;
}

/** Columns `from .. from + count` of rows of `columns`. */
export function columnsOf(
  values: Float32Array,
  { columns, from, count }: { columns: number; from: number; count: number },
): Float32Array {
  const rows = values.length / columns;
  const part = new Float32Array(rows * count);
  for (let row = 0; row < rows; row++) {
    part.set(values.subarray(row * columns + from, row * columns + from + count), row * count);
  }
  return part;
}
