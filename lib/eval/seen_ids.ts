/** Which ids a stream held so far, in 24 bytes an id: a million records fit beside the model. */

/** Remembers ids by 64-bit hash, with the place of each. */
export class SeenIds {
  /** Open addressing over (hash, hash, source, line); line 0 is a free entry. */
  #table = new Uint32Array(4 * 1024);
  #count = 0;
  readonly #sources: string[] = [];
  readonly #indexOf = new Map<string, number>();

  /** Adds an id that stands at `<source>:<line>`; the earlier place when it was there. */
  add(id: string, where: string): string | undefined {
    if (2 * ++this.#count > this.#table.length / 4) this.#grow();
    const [high, low] = hash(id);
    const at = this.#find(this.#table, high, low);
    if (this.#table[at + 3] !== 0) {
      const source = this.#sources[this.#table[at + 2]];
      return source.replace("\u0000", String(this.#table[at + 3] - 1));
    }
    this.#table.set([high, low, ...this.#place(where)], at);
    return undefined;
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

  #find(table: Uint32Array, high: number, low: number): number {
    const entries = table.length / 4;
    let entry = low % entries;
    while (
      table[4 * entry + 3] !== 0 && (table[4 * entry] !== high || table[4 * entry + 1] !== low)
    ) entry = (entry + 1) % entries;
    return 4 * entry;
  }

  #grow(): void {
    const larger = new Uint32Array(2 * this.#table.length);
    for (let at = 0; at < this.#table.length; at += 4) {
      const entry = this.#table.subarray(at, at + 4);
      if (entry[3] !== 0) larger.set(entry, this.#find(larger, entry[0], entry[1]));
    }
    this.#table = larger;
  }
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
