/** Rows of two sequences and their pages, for the specs of the kernels that read them. */
import { PAGE } from "./kv_cache.ts";

/** Rows of two sequences over `pages` pages each: (slot, position, token, visible keys). */
export function exampleRows(count: number, pages = 2): Uint32Array<ArrayBuffer> {
  const rows = new Uint32Array(count * 4);
  const length = pages * PAGE;
  for (let r = 0; r < count; r++) {
    const slot = r % 2;
    const position = (r >> 1) * 3 % length;
    const visible = r % 5 === 4 ? length - r : position + 1 + r % 7;
    rows.set([slot, position, 0, Math.min(length, visible)], r * 4);
  }
  return rows;
}

/** Pages of two sequences, none where it would be by chance. */
export function exampleTable(pages = 2): Uint32Array<ArrayBuffer> {
  return Uint32Array.from({ length: 2 * pages }, (_, i) => 2 * pages - 1 - i);
}

/** Rows of blocks of two sequences by turns, which see all of their pages. */
export function blockRows(
  count: number,
  { pages, block }: { pages: number; block: number },
): Uint32Array<ArrayBuffer> {
  const rows = Array.from({ length: count }, (_, row) => {
    return [Math.floor(row / block) % 2, row % block, 0, pages * PAGE];
  });
  return Uint32Array.from(rows.flat());
}
