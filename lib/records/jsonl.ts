/** JSON Lines in and out: streams of records with exact line numbers, whole lines and backpressure. */
import { Refusal } from "../refusal.ts";
import { lines, MAX_LINE, NEWLINE } from "./lines.ts";
import { Rec } from "./record.ts";

/** Where `writeJsonl` writes; `Deno.stdout` is one. */
export interface Sink {
  /** Takes some of the bytes; returns how many. */
  write(bytes: Uint8Array): Promise<number>;
}

/** A stage of the pipe. */
export type Stage<O> = (records: AsyncIterable<Rec>, options: O) => AsyncIterable<Rec>;

/** Output is written when this many bytes wait, or when the next record is not yet there. */
const FLUSH_BYTES = 64 << 10;

/** Records of a byte stream. Blank lines, CRLF and a byte-order mark are accepted. */
export async function* readJsonl(
  stream: ReadableStream<Uint8Array>,
  { source, maxLine = MAX_LINE }: { source: string; maxLine?: number },
): AsyncGenerator<Rec> {
  for await (const { text, number } of lines(stream, { source, maxLine })) {
    if (text.trim() !== "") yield Rec.parse(text, source, number);
  }
}

/**
 * Writes records as lines; returns how many. Waits for the reader, and ends quietly (and stops the
 * producer) when the reader is gone. `onFull` gets the bytes of the incomplete last line after a failed
 * write, so that a file can be cut back to whole lines.
 */
export async function writeJsonl(
  records: AsyncIterable<Rec>,
  sink: Sink,
  onPartial?: (bytes: number) => Promise<void>,
): Promise<number> {
  const encoder = new TextEncoder();
  const source = records[Symbol.asyncIterator]();
  let pending: string[] = [];
  let size = 0;
  let count = 0;
  const flush = async () => {
    if (pending.length === 0) return;
    const bytes = encoder.encode(pending.join(""));
    pending = [];
    size = 0;
    await writeAll(sink, bytes, onPartial);
  };
  let next = source.next();
  try {
    while (true) {
      const step = size >= FLUSH_BYTES ? undefined : await soon(next);
      if (!step) await flush();
      const { done, value } = step ?? await next;
      if (done) break;
      next = source.next();
      next.catch(() => {}); // reported when it is awaited
      const line = `${value}\n`;
      pending.push(line);
      size += line.length;
      count++;
    }
    await flush();
    return count;
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) {
      // The consumer has what it wanted; `return` ends the producer at its next yield.
      await Promise.race([source.return?.(), new Promise((done) => setTimeout(done, 50))]);
      return count;
    }
    await flush();
    throw error;
  }
}

/** The result of a promise that settles within a turn of the event loop. */
async function soon<V>(promise: Promise<V>): Promise<V | undefined> {
  const first = await Promise.race([promise, Promise.resolve(undefined)]);
  if (first) return first;
  return await Promise.race([
    promise,
    new Promise<undefined>((done) => setTimeout(() => done(undefined), 0)),
  ]);
}

/** Writes all bytes, in as many pieces as the sink takes. */
async function writeAll(
  sink: Sink,
  bytes: Uint8Array,
  onPartial?: (bytes: number) => Promise<void>,
): Promise<void> {
  let done = 0;
  try {
    while (done < bytes.length) done += await sink.write(bytes.subarray(done));
  } catch (cause) {
    if (cause instanceof Deno.errors.BrokenPipe) throw cause;
    const whole = bytes.subarray(0, done).lastIndexOf(NEWLINE) + 1;
    await onPartial?.(done - whole);
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Refusal(`Cannot write the output: ${reason}`, { cause });
  }
}
