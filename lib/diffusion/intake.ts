/** Items of a source, looked at before they are taken. */
export class Intake<V> {
  readonly #source: AsyncIterator<V>;
  /** The item to be taken next, asked for once. */
  #first: Promise<V | undefined> | undefined;
  #ended = false;

  constructor(source: AsyncIterable<V>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Whether the source was seen to end. */
  get ended(): boolean {
    return this.#ended;
  }

  /** The next item; undefined at the end. */
  next(): Promise<V | undefined> {
    return this.#first ??= this.#source.next().then(({ done, value }) => {
      if (done) this.#ended = true;
      return done ? undefined : value;
    });
  }

  /** The next item if it is there already (a turn of the event loop is granted). */
  ready(): Promise<V | undefined> {
    const turn = new Promise<undefined>((done) => setTimeout(() => done(undefined), 0));
    return Promise.race([this.next(), turn]);
  }

  /** The next item is taken: the one behind it is next. */
  take(): void {
    this.#first = undefined;
  }
}
