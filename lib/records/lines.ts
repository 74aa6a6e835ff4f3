/** Lines of a byte stream: strict UTF-8, bounded, in time linear in the bytes. */
import { Refusal } from "../refusal.ts";

/** Longest line accepted by default. */
export const MAX_LINE = 64 << 20;

/** The byte that ends a line. */
export const NEWLINE = 10;

/**
 * Lines of a byte stream as strict UTF-8, without newline and byte-order mark, numbered from 1. CRLF keeps its
 * CR, which JSON ignores.
 */
export async function* lines(
  stream: ReadableStream<Uint8Array>,
  options: { source: string; maxLine?: number },
): AsyncGenerator<{ text: string; number: number }> {
  let number = 0;
  for await (
    const bytes of rawLines(stream, {
      source: options.source,
      maxLine: options.maxLine ?? MAX_LINE,
    })
  ) {
    number++;
    yield { text: decode(bytes, `${options.source}:${number}`, number === 1), number };
  }
}

/** Bytes of each line; only new bytes are searched. */
async function* rawLines(
  stream: ReadableStream<Uint8Array>,
  { source, maxLine }: { source: string; maxLine: number },
): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let length = 0;
  let number = 1;
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const rest = chunk.subarray(start, end);
      yield parts.length > 0 ? concat([...parts, rest]) : rest;
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
  if (length > 0) yield concat(parts);
}

/** One array of several. */
export function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
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
