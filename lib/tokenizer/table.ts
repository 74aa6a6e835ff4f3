/**
 * A byte-level BPE vocabulary as flat arrays: quick to search, and quick to load, since the arrays are
 * views of one file. A 157,184-entry tokenizer.json takes over a second to parse; its table 40 ms.
 */

/** Vocabulary and merges. */
export interface BpeTable {
  /** Bytes of all tokens, one after another. */
  readonly bytes: Uint8Array;
  /** Where each token's bytes start; one more entry than tokens. */
  readonly offsets: Uint32Array;
  /** Merge hash, four words an entry: left id + 1 (0 is free), right id, rank, result id. */
  readonly merges: Uint32Array;
  /** Token id of each byte. */
  readonly byteIds: Uint32Array;
}

/** What a table file says besides the table. */
export interface TableMeta {
  readonly pattern: string;
  readonly nfc: boolean;
  readonly ignoreMerges: boolean;
  readonly added: readonly { id: number; content: string; special: boolean }[];
}

const MAGIC = 0x31455042; // "BPE1"

/** Hash of a pair, before masking to the table's size. */
function pairHash(left: number, right: number): number {
  return Math.imul(left, 0x9e3779b1) ^ Math.imul(right ^ (left >>> 15), 0x85ebca6b);
}

/** Makes the merge hash from pairs in order of rank. */
export function hashMerges(pairs: readonly [number, number, number][]): Uint32Array {
  let size = 16;
  while (size < 2 * pairs.length) size *= 2;
  const table = new Uint32Array(4 * size);
  for (const [rank, [left, right, result]] of pairs.entries()) {
    let at = pairHash(left, right) & (size - 1);
    while (table[4 * at] !== 0) {
      if (table[4 * at] === left + 1 && table[4 * at + 1] === right) break;
      at = (at + 1) & (size - 1);
    }
    // The first of two equal merges has the better rank.
    if (table[4 * at] === 0) table.set([left + 1, right, rank, result], 4 * at);
  }
  return table;
}

/** Index of a pair's entry in the merge hash, or -1. */
export function findMerge({ merges }: BpeTable, left: number, right: number): number {
  const mask = merges.length / 4 - 1;
  for (let at = pairHash(left, right) & mask;; at = (at + 1) & mask) {
    const key = merges[4 * at];
    if (key === 0) return -1;
    if (key === left + 1 && merges[4 * at + 1] === right) return 4 * at;
  }
}

/** The table as one file, ended by nothing: its digest stands beside its name. */
export function packTable(table: BpeTable, meta: TableMeta): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(JSON.stringify(meta));
  const parts = [table.offsets, table.merges, table.byteIds, table.bytes, text].map((part) =>
    new Uint8Array(part.buffer, part.byteOffset, part.byteLength)
  );
  const sizes = parts.map((part) => part.length);
  const padded = sizes.map((size) => Math.ceil(size / 4) * 4);
  const head = 4 * (1 + sizes.length);
  const file = new Uint8Array(head + padded.reduce((sum, size) => sum + size, 0));
  new Uint32Array(file.buffer, 0, 1 + sizes.length).set([MAGIC, ...sizes]);
  let at = head;
  for (const [index, part] of parts.entries()) {
    file.set(part, at);
    at += padded[index];
  }
  return file;
}

/** Views of a packed table; undefined when the file is not one. */
export function unpackTable(
  file: Uint8Array<ArrayBuffer>,
): { table: BpeTable; meta: TableMeta } | undefined {
  if (file.length < 24) return undefined;
  const [magic, ...sizes] = new Uint32Array(file.buffer, file.byteOffset, 6);
  const padded = sizes.map((size) => Math.ceil(size / 4) * 4);
  if (magic !== MAGIC || 24 + padded.reduce((sum, size) => sum + size, 0) !== file.length) {
    return undefined;
  }
  let at = file.byteOffset + 24;
  const starts = padded.map((size) => (at += size) - size);
  const words = (index: number) => new Uint32Array(file.buffer, starts[index], sizes[index] / 4);
  const bytes = (index: number) => new Uint8Array(file.buffer, starts[index], sizes[index]);
  return {
    table: { offsets: words(0), merges: words(1), byteIds: words(2), bytes: bytes(3) },
    meta: JSON.parse(new TextDecoder().decode(bytes(4))),
  };
}
