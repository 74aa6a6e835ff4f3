/** Compressed streams with every damage a refusal. */
import { Refusal } from "../refusal.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The plain bytes of a compressed stream; cut, damaged or followed by other bytes refuses. */
export function inflate(
  name: string,
  stream: ReadableStream<Bytes>,
  format: "gzip" | "deflate-raw",
): ReadableStream<Bytes> {
  return ReadableStream.from(refusing(name, stream.pipeThrough(new DecompressionStream(format))));
}

async function* refusing(name: string, stream: ReadableStream<Bytes>): AsyncGenerator<Bytes> {
  try {
    yield* stream;
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new Refusal(
      `Cannot read ${name}: its compressed data is cut or damaged (${cause.message}), expected a whole file`,
      { cause },
    );
  }
}
