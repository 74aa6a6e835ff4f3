/** Lines of a byte stream: strict UTF-8, bounded, in time linear in the bytes. */
import { concat } from "../concat.ts";
import { Refusal } from "../refusal.ts";

/** Longest line accepted by default. */
export const MAX_LINE = 64 << 20;

/** The byte that ends a line. */
const NEWLINE = 10;

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
    const bytes of byteLines(stream, {
      source: options.source,
      maxLine: options.maxLine ?? MAX_LINE,
    })
  ) {
    number++;
    yield { text: lineText(bytes, `${options.source}:${number}`, number === 1), number };
  }
}

/** Bytes of each line; refuses one that is too long. */
export async function* byteLines(
  stream: ReadableStream<Uint8Array>,
  options: { source: string; maxLine: number },
): AsyncGenerator<Uint8Array> {
  for await (const line of boundedLines(stream, options)) {
    if (line instanceof Refusal) throw line;
    yield line;
  }
}

/**
 * Bytes of each line, or a refusal as soon as it is too long: its rest is dropped. Only new bytes are
 * searched.
 */
export async function* boundedLines(
  stream: ReadableStream<Uint8Array>,
  { source, maxLine }: { source: string; maxLine: number },
): AsyncGenerator<Uint8Array | Refusal> {
  let parts: Uint8Array[] = [];
  let length = 0;
  let number = 1;
  let refused = false; // the line that goes on
  const tooLong = () =>
    new Refusal(
      `Cannot read ${source}:${number}: the line has more than ${maxLine} bytes, expected at most --max-line`,
    );
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const rest = chunk.subarray(start, end);
      if (!refused) {
        if (length + rest.length > maxLine) yield tooLong();
        else yield parts.length > 0 ? concat([...parts, rest]) : rest;
      }
      parts = [];
      length = 0;
      number++;
      start = end + 1;
      refused = false;
    }
    if (start === chunk.length || refused) continue;
    parts.push(chunk.slice(start));
    length += chunk.length - start;
    if (length <= maxLine) continue;
    parts = [];
    length = 0;
    refused = true;
    yield tooLong();
  }
  if (length > 0) yield concat(parts);
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A line as text; the `first` of a stream may begin with a byte-order mark. */
export function lineText(bytes: Uint8Array, where: string, first: boolean): string {
  try {
    const text = strict.decode(bytes);
    return first && text.startsWith("\ufeff") ? text.slice(1) : text;
  } catch (cause) {
    const [format] = FORMATS.find(([, start]) => first && start.every((b, i) => b === bytes[i])) ??
      [];
    const found = format
      ? `it is ${format}`
      : `byte ${firstBadByte(bytes)} of the line is not UTF-8`;
    throw new Refusal(`Cannot read ${where}: ${found}, expected UTF-8 text`, { cause });
  }
}

/** What is often given in place of text, by its first bytes; PowerShell writes UTF-16. */
const FORMATS: readonly (readonly [string, readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b]],
  ["UTF-16", [0xff, 0xfe]],
  ["UTF-16", [0xfe, 0xff]],
];

/** Offset of the first character that is not UTF-8, by bisection over prefixes. */
function firstBadByte(bytes: Uint8Array): number {
  let good = 0;
  let bad = bytes.length;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (isUtf8(bytes.subarray(0, middle), { stream: true })) good = middle;
    else bad = middle;
  }
  if (isUtf8(bytes.subarray(0, good), { stream: false })) return good;
  // A character begins before and never ends: continuation bytes are 10xxxxxx.
  do good--; while ((bytes[good] & 0xc0) === 0x80);
  return good;
}

/** Whether bytes are UTF-8; with `stream` the last character may be incomplete. */
function isUtf8(bytes: Uint8Array, options: { stream: boolean }): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, options);
    return true;
  } catch {
    return false;
  }
}
