/** JSON Lines in and out: streams of records with exact line numbers, whole lines and backpressure. */
import { Refusal } from "../refusal.ts";
import { Rec } from "./record.ts";

/** Where `writeJsonl` writes; `Deno.stdout` is one. */
export interface Sink {
  /** Takes some of the bytes; returns how many. */
  write(bytes: Uint8Array): Promise<number>;
}

/** A stage of the pipe. */
export type Stage<O> = (records: AsyncIterable<Rec>, options: O) => AsyncIterable<Rec>;

/** Longest line accepted by default. */
export const MAX_LINE = 64 << 20;

/** Output is written when this many bytes wait, or when the next record is not yet there. */
const FLUSH_BYTES = 64 << 10;

const NEWLINE = 10;

/** Records of a byte stream. Blank lines, CRLF and a byte-order mark are accepted. */
export async function* readJsonl(
  stream: ReadableStream<Uint8Array>,
  { source, maxLine = MAX_LINE }: { source: string; maxLine?: number },
): AsyncGenerator<Rec> {
  let number = 0;
  for await (const bytes of lines(stream, { source, maxLine })) {
    number++;
    const text = decode(bytes, `${source}:${number}`, number === 1);
    if (text.trim() !== "") yield Rec.parse(text, source, number);
  }
}

/** Lines of a byte stream without their newline; only new bytes are searched. */
async function* lines(
  stream: ReadableStream<Uint8Array>,
  { source, maxLine }: { source: string; maxLine: number },
): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let length = 0;
  let number = 1;
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      yield join(parts, chunk.subarray(start, end));
      parts = [];
      length = 0;
      number++;
      start = end + 1;
    }
    if (start < chunk.length) {
      parts.push(chunk.slice(start));
      length += chunk.length - start;
    }
    if (length > maxLine) {
      throw new Refusal(
        `Cannot read ${source}:${number}: the line has more than ${maxLine} bytes, expected at most --max-line`,
      );
    }
  }
  if (length > 0) yield join(parts, new Uint8Array());
}

function join(parts: Uint8Array[], last: Uint8Array): Uint8Array {
  if (parts.length === 0) return last;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, last.length));
  let at = 0;
  for (const part of [...parts, last]) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decode(bytes: Uint8Array, where: string, first: boolean): string {
  try {
    const text = strict.decode(bytes);
    return first && text.startsWith("\ufeff") ? text.slice(1) : text;
  } catch (cause) {
    const offset = firstBadByte(bytes);
    throw new Refusal(
      `Cannot read ${where}: byte ${offset} of the line is not UTF-8, expected UTF-8 text`,
      { cause },
    );
  }
}

/** Offset of the first byte that does not continue valid UTF-8, by bisection over prefixes. */
function firstBadByte(bytes: Uint8Array): number {
  let good = 0;
  let bad = bytes.length;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    const decoder = new TextDecoder("utf-8", { fatal: true });
    try {
      decoder.decode(bytes.subarray(0, middle), { stream: true });
      good = middle;
    } catch {
      bad = middle;
    }
  }
  return good;
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
