/** Bytes that readers take: a stream from the start, and a range where the format needs one. */
import { concat } from "../concat.ts";
import { Refusal } from "../refusal.ts";

/** Most bytes of one file that are held in memory when its format needs ranges or the whole. */
const MAX_BUFFER = 1 << 30;

/** Named bytes. */
export interface ByteSource {
  /** For messages. */
  readonly name: string;
  /** Bytes in all. */
  size(): Promise<number>;
  /** All bytes, from the start at every call. */
  stream(): ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Bytes `start` to `end`; a range that is not all there refuses. */
  slice(start: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** Bytes in memory. */
export function memorySource(name: string, bytes: Uint8Array<ArrayBuffer>): ByteSource {
  return {
    name,
    size: () => Promise.resolve(bytes.length),
    stream: () => new Blob([bytes]).stream(),
    slice: (start, end) => Promise.resolve(bytes.slice(start, checkRange(name, end, bytes.length))),
  };
}

/** Bytes that only a stream gives; the first range asked for reads it into memory. */
export function streamed(
  name: string,
  stream: () => ReadableStream<Uint8Array<ArrayBuffer>>,
): ByteSource {
  let held: Promise<Uint8Array<ArrayBuffer>> | undefined;
  const whole = () => held ??= readAll(name, stream());
  return {
    name,
    stream,
    size: async () => (await whole()).length,
    slice: async (start, end) => {
      const bytes = await whole();
      return bytes.slice(start, checkRange(name, end, bytes.length));
    },
  };
}

/** All bytes of a stream, up to a bound. */
export async function readAll(
  name: string,
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  most: number = MAX_BUFFER,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const part of stream) {
    size += part.length;
    if (size > most) {
      throw new Refusal(
        `Cannot read ${name}: it has more than ${most} bytes, expected at most that`,
      );
    }
    parts.push(part);
  }
  return concat(parts);
}

/** Longest text that V8 holds, with room to spare. */
const MAX_TEXT = 500_000_000;

/** All bytes as strict UTF-8, without a byte-order mark. */
export async function readText(source: ByteSource): Promise<string> {
  const bytes = await readAll(source.name, source.stream(), MAX_TEXT);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Refusal(`Cannot read ${source.name}: it is not UTF-8, expected UTF-8 text`, {
      cause,
    });
  }
}

/** `end`, when the bytes reach that far. */
export function checkRange(name: string, end: number, size: number): number {
  if (end > size) {
    throw new Refusal(`Cannot read ${name}: it ends at byte ${size}, expected ${end}`);
  }
  return end;
}
