/**
 * Tar files (POSIX ustar and pax, GNU long names), read as a stream. Only regular files are given; links,
 * devices and folders are passed over, nothing is written anywhere.
 */
import { concat } from "../concat.ts";
import { Refusal } from "../refusal.ts";
import { checkRelative } from "../file_name.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const BLOCK = 512;

/** Most bytes of a long name or of pax headers. */
const MAX_HEADER = 1 << 20;

/** One file in an archive. */
export interface TarMember {
  readonly name: string;
  readonly size: number;
  /** Its bytes, once, before the next member is asked for; what is not read is passed over. */
  body(): AsyncIterable<Bytes>;
}

/** The files of a tar, in order; cut or damaged refuses. */
export async function* readTar(
  name: string,
  stream: ReadableStream<Bytes>,
): AsyncGenerator<TarMember> {
  const input = new Blocks(name, stream);
  let longName: string | undefined;
  let pax = new Map<string, string>();
  try {
    while (true) {
      const header = await input.take(BLOCK);
      if (header.every((byte) => byte === 0)) return await input.drain();
      const type = parseHeader(name, header, input.at);
      if (type.flag === "L" || type.flag === "x" || type.flag === "g") {
        const text = await longText(input, type.size);
        if (type.flag === "L") longName = text.replace(/\0[^]*$/, "");
        if (type.flag === "x") pax = parsePax(name, text);
        continue;
      }
      const size = pax.has("size") ? sizeOf(name, pax.get("size")!, 10) : type.size;
      const member = (longName ?? pax.get("path") ?? type.name).replace(/^(\.\/)+/, "");
      longName = undefined;
      pax = new Map();
      const padded = Math.ceil(size / BLOCK) * BLOCK;
      const from = input.at;
      if (type.flag === "0" || type.flag === "\0" || type.flag === "7") {
        checkRelative(member, name);
        yield { name: member, size, body: () => input.pieces(size) };
      }
      await input.skip(padded - (input.at - from));
    }
  } finally {
    await input.close();
  }
}

interface Header {
  readonly name: string;
  readonly size: number;
  readonly flag: string;
}

function parseHeader(tar: string, block: Bytes, at: number): Header {
  const text = (from: number, to: number) =>
    new TextDecoder().decode(block.subarray(from, to)).replace(/\0[^]*$/, "");
  const wanted = Number.parseInt(text(148, 156).trim(), 8);
  let sum = 8 * 32;
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += block[i];
  if (sum !== wanted) {
    throw damaged(tar, `the header before byte ${at} has the checksum ${sum}, it says ${wanted}`);
  }
  const prefix = text(257, 262) === "ustar" && block[262] === 0 ? text(345, 500) : "";
  return {
    name: prefix ? `${prefix}/${text(0, 100)}` : text(0, 100),
    size: block[124] & 0x80 ? binarySize(tar, block) : sizeOf(tar, text(124, 136).trim() || "0", 8),
    flag: String.fromCharCode(block[156]),
  };
}

function sizeOf(tar: string, text: string, radix: 8 | 10): number {
  const size = /^\d{1,16}$/.test(text) ? Number.parseInt(text, radix) : NaN;
  if (!Number.isSafeInteger(size)) throw damaged(tar, `a member has the size "${text}"`);
  return size;
}

/** GNU's form of sizes above 8 GiB. */
function binarySize(tar: string, block: Bytes): number {
  let size = block[124] & 0x7f;
  for (let i = 125; i < 136; i++) size = size * 256 + block[i];
  if (!Number.isSafeInteger(size)) throw damaged(tar, `a member has ${size} bytes`);
  return size;
}

/** Records of "<length> <key>=<value>\n". */
function parsePax(tar: string, text: string): Map<string, string> {
  const bytes = new TextEncoder().encode(text);
  const fields = new Map<string, string>();
  for (let at = 0; at < bytes.length;) {
    const match = /^(\d{1,7}) /.exec(new TextDecoder().decode(bytes.subarray(at, at + 8)));
    const end = at + Number(match?.[1]);
    if (!match || end > bytes.length || bytes[end - 1] !== 10) {
      throw damaged(tar, "its pax header is damaged");
    }
    const record = new TextDecoder().decode(bytes.subarray(at + match[0].length, end - 1));
    const equals = record.indexOf("=");
    if (equals < 1) throw damaged(tar, "its pax header is damaged");
    const key = record.slice(0, equals);
    if (key.startsWith("GNU.sparse")) throw damaged(tar, "it has a sparse member");
    fields.set(key, record.slice(equals + 1));
    at = end;
  }
  return fields;
}

async function longText(input: Blocks, size: number): Promise<string> {
  if (size > MAX_HEADER) throw damaged(input.name, `a header has ${size} bytes`);
  const bytes = await input.take(size);
  await input.skip((BLOCK - size % BLOCK) % BLOCK);
  return new TextDecoder().decode(bytes);
}

/** Exact counts of bytes from a stream. */
class Blocks {
  /** Bytes given or passed over. */
  at = 0;
  readonly #reader: ReadableStreamDefaultReader<Bytes>;
  #rest: Bytes = new Uint8Array();

  constructor(readonly name: string, stream: ReadableStream<Bytes>) {
    this.#reader = stream.getReader();
  }

  /** `count` bytes in pieces. */
  async *pieces(count: number): AsyncGenerator<Bytes> {
    while (count > 0) {
      if (this.#rest.length === 0) {
        const { value, done } = await this.#reader.read();
        if (done) throw damaged(this.name, `it ends at byte ${this.at}`);
        this.#rest = value;
        continue;
      }
      const piece = this.#rest.subarray(0, count);
      this.#rest = this.#rest.subarray(piece.length);
      this.at += piece.length;
      count -= piece.length;
      yield piece;
    }
  }

  /** `count` bytes. */
  async take(count: number): Promise<Bytes> {
    const parts: Bytes[] = [];
    for await (const piece of this.pieces(count)) parts.push(piece);
    return parts.length === 1 ? parts[0] : concat(parts);
  }

  /** Passes over `count` bytes. */
  async skip(count: number): Promise<void> {
    for await (const _ of this.pieces(count));
  }

  /** Reads to the end, so that a checksum there is checked. */
  async drain(): Promise<void> {
    while (!(await this.#reader.read()).done);
  }

  /** Ends the stream behind it. */
  async close(): Promise<void> {
    // A stream that failed has thrown its error to whoever read it.
    await this.#reader.cancel().catch(() => {});
  }
}

function damaged(tar: string, problem: string): Refusal {
  return new Refusal(`Cannot read ${tar}: ${problem}, expected a whole tar file`);
}
