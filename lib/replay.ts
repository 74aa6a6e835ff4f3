/** A source that can be gone through again from its first item that is not settled. */
export class Replay<V> {
  readonly #source: AsyncIterator<V>;
  /** Items taken from the source and not settled, in order. */
  readonly #open: V[] = [];
  #settled = 0;
  #ended = false;
  #pulling: Promise<void> | undefined;

  constructor(source: AsyncIterable<V>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** All items not settled yet, then what the source still has. */
  async *rest(): AsyncGenerator<V> {
    for (let index = this.#settled;;) {
      if (index - this.#settled < this.#open.length) yield this.#open[index++ - this.#settled];
      else if (this.#ended) return;
      else await this.#pull();
    }
  }

  /** The first open item is done with. */
  settle(): void {
    this.#open.shift();
    this.#settled++;
  }

  /** Frees the source; one that is waiting for its own input frees itself when that comes. */
  async close(): Promise<void> {
    const closing = this.#source.return?.();
    if (!this.#pulling) await closing;
  }

  /** One more item; those who ask meanwhile wait for the same one. */
  #pull(): Promise<void> {
    this.#pulling ??= this.#source.next().then(({ done, value }) => {
      if (done) this.#ended = true;
      else this.#open.push(value);
    }).finally(() => this.#pulling = undefined);
    return this.#pulling;
  }
}
