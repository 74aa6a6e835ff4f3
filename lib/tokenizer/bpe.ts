/** Byte-level BPE: text to token ids and back, over a flat table. */
import { concat } from "../concat.ts";
import { translatePattern } from "./pattern.ts";
import { type BpeTable, findMerge, type TableMeta } from "./table.ts";

/** Text to token ids and back. */
export interface Tokenizer {
  /** One more than the largest id. */
  readonly vocabSize: number;
  /** SHA-256 over the tokenizer's files. */
  readonly digest: string;
  /** Ids of a text; special tokens written out in it become their ids. */
  encode(text: string): number[];
  /** Text of ids; a RangeError for an id outside the vocabulary. Bytes cut inside a character become U+FFFD. */
  decode(ids: readonly number[], options?: { skipSpecial?: boolean }): string;
  /** Id of an added token by its content. */
  tokenId(content: string): number | undefined;
}

/** Pieces up to this many bytes are merged by scanning, longer ones with a heap. */
const SCAN_BYTES = 48;

/** Pieces remembered with their ids; text repeats itself. */
const MEMO_ENTRIES = 20_000;

/** The tokenizer of one table. */
export class BpeTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly #pattern: RegExp;
  readonly #added: RegExp | undefined;
  readonly #addedIds: ReadonlyMap<string, number>;
  readonly #special: ReadonlySet<number>;
  readonly #encoder = new TextEncoder();
  readonly #memo = new Map<string, readonly number[]>();
  #whole: Map<string, number> | undefined;

  constructor(readonly table: BpeTable, readonly meta: TableMeta, readonly digest: string) {
    this.vocabSize = table.offsets.length - 1;
    this.#pattern = translatePattern(meta.pattern);
    this.#addedIds = new Map(meta.added.map(({ content, id }) => [content, id]));
    this.#special = new Set(meta.added.filter(({ special }) => special).map(({ id }) => id));
    const contents = [...this.#addedIds.keys()].sort((a, b) => b.length - a.length);
    if (contents.length > 0) {
      this.#added = new RegExp(contents.map((text) => RegExp.escape(text)).join("|"), "gu");
    }
  }

  tokenId(content: string): number | undefined {
    return this.#addedIds.get(content);
  }

  encode(text: string): number[] {
    const ids: number[] = [];
    let at = 0;
    if (this.#added) {
      for (const match of text.matchAll(this.#added)) {
        this.#encodeText(text.slice(at, match.index), ids);
        ids.push(this.#addedIds.get(match[0])!);
        at = match.index + match[0].length;
      }
    }
    this.#encodeText(text.slice(at), ids);
    return ids;
  }

  decode(ids: readonly number[], { skipSpecial = false } = {}): string {
    const { bytes, offsets } = this.table;
    const kept: Uint8Array[] = [];
    for (const id of ids) {
      if (!Number.isInteger(id) || id < 0 || id >= this.vocabSize) {
        throw new RangeError(`token id ${id} is outside the vocabulary of ${this.vocabSize}`);
      }
      if (skipSpecial && this.#special.has(id)) continue;
      kept.push(bytes.subarray(offsets[id], offsets[id + 1]));
    }
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(concat(kept));
  }

  #encodeText(raw: string, ids: number[]): void {
    if (raw === "") return;
    const text = this.meta.nfc ? raw.normalize("NFC") : raw;
    let at = 0;
    for (const match of text.matchAll(this.#pattern)) {
      if (match.index > at) this.#encodePiece(text.slice(at, match.index), ids);
      if (match[0] !== "") this.#encodePiece(match[0], ids);
      at = match.index + match[0].length;
    }
    if (at < text.length) this.#encodePiece(text.slice(at), ids);
  }

  #encodePiece(piece: string, ids: number[]): void {
    let known = this.#memo.get(piece);
    if (!known) {
      known = this.#merge(piece);
      if (this.#memo.size >= MEMO_ENTRIES) this.#memo.clear();
      if (piece.length <= 64) this.#memo.set(piece, known);
    }
    for (const id of known) ids.push(id);
  }

  #merge(piece: string): number[] {
    if (this.meta.ignoreMerges) {
      const whole = this.#wholeTokens().get(piece);
      if (whole !== undefined) return [whole];
    }
    const symbols = Array.from(this.#encoder.encode(piece), (byte) => this.table.byteIds[byte]);
    return symbols.length <= SCAN_BYTES
      ? mergeByScan(this.table, symbols)
      : mergeByHeap(this.table, symbols);
  }

  /** Tokens by their text, for vocabularies that prefer a whole token over its merges. */
  #wholeTokens(): Map<string, number> {
    if (!this.#whole) {
      this.#whole = new Map();
      const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
      const { bytes, offsets } = this.table;
      for (let id = 0; id < this.vocabSize; id++) {
        try {
          this.#whole.set(decoder.decode(bytes.subarray(offsets[id], offsets[id + 1])), id);
        } catch {
          // A part of a character is never a whole piece.
        }
      }
    }
    return this.#whole;
  }
}

/** Merges the pair of lowest rank (leftmost first) until none is left. */
function mergeByScan(table: BpeTable, symbols: number[]): number[] {
  while (symbols.length > 1) {
    let best = -1;
    let bestRank = Infinity;
    let bestEntry = 0;
    for (let i = 0; i + 1 < symbols.length; i++) {
      const entry = findMerge(table, symbols[i], symbols[i + 1]);
      if (entry >= 0 && table.merges[entry + 2] < bestRank) {
        best = i;
        bestRank = table.merges[entry + 2];
        bestEntry = entry;
      }
    }
    if (best < 0) break;
    symbols.splice(best, 2, table.merges[bestEntry + 3]);
  }
  return symbols;
}

/** The same result in n log n: a linked list of symbols and a heap of candidate merges. */
function mergeByHeap(table: BpeTable, symbols: number[]): number[] {
  const next = Int32Array.from(symbols, (_, i) => i + 1 < symbols.length ? i + 1 : -1);
  const previous = Int32Array.from(symbols, (_, i) => i - 1);
  const heap: { rank: number; at: number; left: number; right: number; result: number }[] = [];
  const less = (a: number, b: number) =>
    heap[a].rank < heap[b].rank || (heap[a].rank === heap[b].rank && heap[a].at < heap[b].at);
  const swap = (a: number, b: number) => [heap[a], heap[b]] = [heap[b], heap[a]];
  const push = (at: number) => {
    if (at < 0 || next[at] < 0) return;
    const [left, right] = [symbols[at], symbols[next[at]]];
    const entry = findMerge(table, left, right);
    if (entry < 0) return;
    const { merges } = table;
    heap.push({ rank: merges[entry + 2], at, left, right, result: merges[entry + 3] });
    for (let i = heap.length - 1; i > 0 && less(i, (i - 1) >> 1); i = (i - 1) >> 1) {
      swap(i, (i - 1) >> 1);
    }
  };
  const pop = () => {
    const top = heap[0];
    const last = heap.pop()!;
    if (heap.length > 0) {
      heap[0] = last;
      for (let i = 0;;) {
        let least = i;
        for (const child of [2 * i + 1, 2 * i + 2]) {
          if (child < heap.length && less(child, least)) least = child;
        }
        if (least === i) break;
        swap(i, least);
        i = least;
      }
    }
    return top;
  };
  for (let i = 0; i < symbols.length; i++) push(i);
  while (heap.length > 0) {
    const { at, left, right, result } = pop();
    // Stale when one of its symbols was merged away since.
    if (symbols[at] !== left || next[at] < 0 || symbols[next[at]] !== right) continue;
    const gone = next[at];
    symbols[at] = result;
    symbols[gone] = -1;
    next[at] = next[gone];
    if (next[gone] >= 0) previous[next[gone]] = at;
    push(previous[at]);
    push(at);
  }
  return symbols.filter((symbol) => symbol >= 0);
}
