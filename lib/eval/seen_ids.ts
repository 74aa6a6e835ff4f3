/** Which ids a stream held so far, in 24 to 32 bytes an id: a million records fit beside the model. */

/** Share of entries in use above which the table grows, and by how much. */
const MAX_LOAD = 0.75;
const GROWTH = 1.5;

/** Tables that the ids are spread over: only one at a time is there twice, when it grows. */
const TABLES = 64;

/** Remembers ids by 64-bit hash, with the place of each. */
export class SeenIds {
  readonly #tables = Array.from({ length: TABLES }, () => new Table());
  readonly #sources: string[] = [];
  readonly #indexOf = new Map<string, number>();

  /** Adds an id that stands at `<source>:<line>`; the earlier place when it was there. */
  add(id: string, where: string): string | undefined {
    const [high, low] = hash(id);
    const found = this.#tables[high % TABLES].add(high, low, () => this.#place(where));
    if (!found) return undefined;
    const [source, line] = found;
    return this.#sources[source].replace("\u0000", String(line - 1));
  }

  /** A place as (source, 1 + line), where the source has a mark for the line. */
  #place(where: string): [number, number] {
    const [, before, digits = ""] = /^(.*?)(\d{1,9})?$/s.exec(where)!;
    const source = digits === "" ? before : `${before}\u0000`;
    let index = this.#indexOf.get(source);
    if (index === undefined) {
      index = this.#sources.push(source) - 1;
      this.#indexOf.set(source, index);
    }
    return [index, 1 + Number(digits)];
  }
}

/** Open addressing over entries of (hash, hash, source, line); line 0 is a free entry. */
class Table {
  #entries = new Uint32Array(4 * 16);
  #count = 0;

  /** The place that stands beside a hash; where it is new, `place` is put there. */
  add(high: number, low: number, place: () => [number, number]): [number, number] | undefined {
    const at = find(this.#entries, high, low);
    if (this.#entries[at + 3] !== 0) return [this.#entries[at + 2], this.#entries[at + 3]];
    this.#entries.set([high, low, ...place()], at);
    if (++this.#count > MAX_LOAD * this.#entries.length / 4) this.#grow();
    return undefined;
  }

  #grow(): void {
    const larger = new Uint32Array(4 * Math.ceil(GROWTH * this.#entries.length / 4));
    for (let at = 0; at < this.#entries.length; at += 4) {
      const entry = this.#entries.subarray(at, at + 4);
      if (entry[3] !== 0) larger.set(entry, find(larger, entry[0], entry[1]));
    }
    this.#entries = larger;
  }
}

/** Index of a hash's entry, or of the free one where it belongs. */
function find(entries: Uint32Array, high: number, low: number): number {
  const count = entries.length / 4;
  let entry = low % count;
  const at = () => 4 * entry;
  while (
    entries[at() + 3] !== 0 && (entries[at()] !== high || entries[at() + 1] !== low)
  ) entry = (entry + 1) % count;
  return at();
}

/** Two FNV-1a hashes of a text's UTF-16 units, from different bases. */
function hash(text: string): [number, number] {
  let high = 0x811c9dc5;
  let low = 0x9747b28c;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    high = Math.imul(high ^ unit, 0x01000193);
    low = Math.imul(low ^ (unit + 0x9e37), 0x01000193);
    low ^= low >>> 15;
  }
  return [high >>> 0, low >>> 0];
}
