/** Edge: compressed streams, gzip by zlib; every damage is a refusal. */
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { Refusal } from "../refusal.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * The plain bytes of a compressed stream; cut, damaged or followed by other bytes refuses. Gzip may have
 * several members, as `cat a.gz b.gz` and bgzip write them, which DecompressionStream refuses.
 */
export function inflate(
  name: string,
  stream: ReadableStream<Bytes>,
  format: "gzip" | "deflate-raw",
): ReadableStream<Bytes> {
  const plain = format === "gzip"
    ? gunzipped(stream)
    : stream.pipeThrough(new DecompressionStream(format));
  return ReadableStream.from(refusing(name, plain));
}

async function* gunzipped(stream: ReadableStream<Bytes>): AsyncGenerator<Bytes> {
  const gunzip = createGunzip();
  // What fails on either side comes out of `gunzip`, and who leaves early ends the source.
  pipeline(Readable.from(stream), gunzip, () => {});
  for await (const { buffer, byteOffset, length } of gunzip) {
    yield new Uint8Array(buffer, byteOffset, length);
  }
}

async function* refusing(name: string, stream: AsyncIterable<Bytes>): AsyncGenerator<Bytes> {
  try {
    yield* stream;
  } catch (cause) {
    if (!isDamage(cause)) throw cause;
    throw new Refusal(
      `Cannot read ${name}: its compressed data is cut or damaged (${cause.message}), expected a whole file`,
      { cause },
    );
  }
}

/** A TypeError is DecompressionStream's, a code such as Z_DATA_ERROR zlib's. */
function isDamage(cause: unknown): cause is Error {
  const { code } = cause as { code?: unknown };
  return cause instanceof TypeError || (typeof code === "string" && code.startsWith("Z_"));
}
