/** JSON Lines in and out: streams of records with exact line numbers, whole lines and backpressure. */
import { Refusal } from "../refusal.ts";
import { within } from "../within.ts";
import { Faults } from "./faults.ts";
import { boundedLines, lineText, MAX_LINE } from "./lines.ts";
import { Rec, shown } from "./record.ts";

/** Where `writeJsonl` writes; `Deno.stdout` is one. */
export interface Sink {
  /** Takes some of the bytes; returns how many. */
  write(bytes: Uint8Array): Promise<number>;
}

/** A stage of the pipe. */
export type Stage<O> = (records: AsyncIterable<Rec>, options: O) => AsyncIterable<Rec>;

/** Output is written when this many bytes wait, or when the next record is not yet there. */
const FLUSH_BYTES = 64 << 10;

/** Options of `readJsonl`. */
export interface ReadOptions {
  /** Names the stream in messages and in ids: "stdin". */
  readonly source: string;
  /** Longest line accepted, in bytes. */
  readonly maxLine?: number;
  /** What happens to lines that are no records. */
  readonly faults?: Faults;
  /** Told once of a field that stands twice. */
  readonly onNotice?: (line: string) => void;
}

/** Records of a byte stream. Blank lines, CRLF and a byte-order mark are accepted. */
export async function* readJsonl(
  stream: ReadableStream<Uint8Array>,
  { source, maxLine = MAX_LINE, faults = new Faults(), onNotice }: ReadOptions,
): AsyncGenerator<Rec> {
  let warned = false;
  let number = 0;
  for await (const bytes of boundedLines(stream, { source, maxLine })) {
    number++;
    const where = `${source}:${number}`;
    let rec: Rec | undefined;
    try {
      if (bytes instanceof Refusal) throw bytes;
      const text = lineText(bytes, where, number === 1);
      if (text.trim() === "") continue;
      rec = Rec.parse(text, where);
    } catch (error) {
      rec = faults.handle(Rec.from({ id: where }, where), "read", error);
    }
    if (!rec) continue;
    if (rec.repeated !== undefined && !warned) {
      warned = true;
      onNotice?.(`${where}: field ${shown(rec.repeated)} stands twice, the last one counts`);
    }
    yield rec;
  }
}

/**
 * Writes records as lines; returns how many. Waits for the reader, and ends quietly (and stops the
 * producer) when the reader is gone. `onFailure` runs after a failed write, so that a file can be cut back to
 * whole lines.
 */
export async function writeJsonl(
  records: AsyncIterable<Rec>,
  sink: Sink,
  onFailure?: () => Promise<void>,
): Promise<number> {
  const output = new LineWriter(sink, onFailure);
  const source = records[Symbol.asyncIterator]();
  let count = 0;
  try {
    while (true) {
      const { done, value } = await output.unlessFailed(source.next());
      if (done) break;
      count++;
      if (output.add(`${value}\n`)) await output.flush();
    }
    await output.flush();
    return count;
  } catch (error) {
    if (isBrokenPipe(error)) {
      // The consumer has what it wanted; `return` ends the producer at its next yield.
      await within(Promise.resolve(source.return?.()), 50);
      return count;
    }
    await output.flush();
    throw error;
  }
}

/** Collects lines; one timer, not one a record, writes them when the producer pauses. */
class LineWriter {
  readonly #encoder = new TextEncoder();
  #lines: string[] = [];
  #size = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #written: Promise<void> = Promise.resolve();
  #failure: { error: unknown } | undefined;
  #interrupt: (error: unknown) => void = () => {};

  constructor(
    private readonly sink: Sink,
    private readonly onFailure?: () => Promise<void>,
  ) {}

  /** Takes a line; true when it is time to wait for a flush. */
  add(line: string): boolean {
    this.#lines.push(line);
    this.#size += line.length;
    if (this.#size >= FLUSH_BYTES) return true;
    this.#timer ??= setTimeout(() => this.flush().catch((error) => this.#fail(error)), 0);
    return false;
  }

  /** Writes what was collected, after what is being written. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return this.#written = this.#written.then(async () => {
      if (this.#lines.length === 0) return;
      const bytes = this.#encoder.encode(this.#lines.join(""));
      this.#lines = [];
      this.#size = 0;
      await writeAll(this.sink, bytes, this.onFailure);
    });
  }

  /** Settles as `promise` does, or fails as soon as a write has. */
  unlessFailed<V>(promise: Promise<V>): Promise<V> {
    return new Promise((resolve, reject) => {
      this.#interrupt = reject;
      promise.then(resolve, reject);
      if (this.#failure) reject(this.#failure.error);
    });
  }

  #fail(error: unknown): void {
    this.#failure = { error };
    this.#interrupt(error);
  }
}

/** Whether the reader is gone, as Deno says it. */
function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && error.name === "BrokenPipe";
}

/** Writes all bytes, in as many pieces as the sink takes. */
async function writeAll(
  sink: Sink,
  bytes: Uint8Array,
  onFailure?: () => Promise<void>,
): Promise<void> {
  try {
    for (let done = 0; done < bytes.length;) done += await sink.write(bytes.subarray(done));
  } catch (cause) {
    if (isBrokenPipe(cause)) throw cause;
    await onFailure?.();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Refusal(`Cannot write the output: ${reason}`, { cause });
  }
}
