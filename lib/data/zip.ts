/**
 * Zip files (APPNOTE.TXT 6.3.10): stored and deflated members, zip64, the old PKWARE cipher. Nothing is
 * written anywhere; names, sizes, overlaps and checksums are checked, so that a crafted file can neither
 * leave a folder nor grow beyond what it declares.
 */
import { Refusal } from "../refusal.ts";
import type { ByteSource } from "./bytes.ts";
import { crc32, CRC_TABLE } from "./crc32.ts";
import { inflate } from "./inflate.ts";
import { checkRelative } from "../file_name.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Bytes of the end record, and the longest comment behind it. */
const END_BYTES = 22;
const MAX_COMMENT = 65535;

/** Most bytes of a central directory; 65,535 members of long names fit. */
const MAX_DIRECTORY = 64 << 20;

/** Deflate cannot expand more than this. */
const MAX_RATIO = 1032;

const CHUNK = 1 << 20;

/** One file in an archive. */
export interface ZipMember {
  readonly name: string;
  /** Its bytes; `password` opens an encrypted one. */
  stream(password?: string): ReadableStream<Bytes>;
}

interface Entry {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  readonly time: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  readonly offset: number;
}

/** Names are UTF-8 or, from old programs, in a code page that they do not name. */
function textOf(bytes: Bytes): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("latin1").decode(bytes);
  }
}

/** The files of a zip, in the order of its directory. */
export async function readZip(source: ByteSource): Promise<ZipMember[]> {
  const { name } = source;
  const end = await findEnd(source);
  if (end.size > MAX_DIRECTORY || end.offset + end.size > (await source.size())) {
    throw damaged(name, `its directory of ${end.size} bytes at ${end.offset} does not fit`);
  }
  const bytes = await source.slice(end.offset, end.offset + end.size);
  const entries = parseDirectory(name, bytes, end.count);
  const files = entries.filter((entry) => !entry.name.endsWith("/"));
  checkEntries(name, files, end.offset);
  return files.map((entry) => ({
    name: entry.name,
    stream: (password) => ReadableStream.from(memberBytes(source, { entry, password })),
  }));
}

interface Directory {
  readonly offset: number;
  readonly size: number;
  readonly count: number;
}

async function findEnd(source: ByteSource): Promise<Directory> {
  const size = await source.size();
  const from = Math.max(0, size - END_BYTES - MAX_COMMENT);
  const tail = await source.slice(from, size);
  const view = viewOf(tail);
  for (let at = tail.length - END_BYTES; at >= 0; at--) {
    if (view.getUint32(at, true) !== 0x06054b50) continue;
    if (at + END_BYTES + view.getUint16(at + 20, true) !== tail.length) continue;
    if (view.getUint16(at + 4, true) !== 0) throw damaged(source.name, "it has several volumes");
    const end = {
      count: view.getUint16(at + 10, true),
      size: view.getUint32(at + 12, true),
      offset: view.getUint32(at + 16, true),
    };
    const wide = end.count === 0xffff || end.size === 0xffffffff || end.offset === 0xffffffff;
    return wide ? await findEnd64(source, from + at) : end;
  }
  throw damaged(source.name, `no end record in ${size} bytes`);
}

/** The zip64 end record, found through its locator in front of the plain one. */
async function findEnd64(source: ByteSource, end: number): Promise<Directory> {
  if (end < 20) throw damaged(source.name, "its zip64 locator is absent");
  const locator = viewOf(await source.slice(end - 20, end));
  if (locator.getUint32(0, true) !== 0x07064b50) {
    throw damaged(source.name, "its zip64 locator is absent");
  }
  const at = wide(source.name, locator, 8);
  if (at + 56 > end) throw damaged(source.name, `its zip64 end record at ${at} does not fit`);
  const record = viewOf(await source.slice(at, at + 56));
  if (record.getUint32(0, true) !== 0x06064b50) {
    throw damaged(source.name, `no zip64 end record at ${at}`);
  }
  return {
    count: wide(source.name, record, 32),
    size: wide(source.name, record, 40),
    offset: wide(source.name, record, 48),
  };
}

function parseDirectory(zip: string, bytes: Bytes, count: number): Entry[] {
  const view = viewOf(bytes);
  const entries: Entry[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== 0x02014b50) {
      throw damaged(zip, `its directory entry ${entries.length} is damaged`);
    }
    const nameEnd = at + 46 + view.getUint16(at + 28, true);
    const extraEnd = nameEnd + view.getUint16(at + 30, true);
    const next = extraEnd + view.getUint16(at + 32, true);
    if (next > bytes.length) throw damaged(zip, `its directory entry ${entries.length} is cut`);
    const sizes = wideSizes(zip, view, { at, from: nameEnd, to: extraEnd });
    entries.push({
      name: textOf(bytes.subarray(at + 46, nameEnd)),
      flags: view.getUint16(at + 8, true),
      method: view.getUint16(at + 10, true),
      time: view.getUint16(at + 12, true),
      crc: view.getUint32(at + 16, true),
      ...sizes,
    });
    at = next;
  }
  if (entries.length !== count) {
    throw damaged(zip, `its directory has ${entries.length} entries, its end record says ${count}`);
  }
  return entries;
}

/** Sizes and offset of an entry; those of all ones stand in the zip64 extra field, in this order. */
function wideSizes(
  zip: string,
  view: DataView,
  { at, from, to }: { at: number; from: number; to: number },
): Pick<Entry, "size" | "packed" | "offset"> {
  const found = {
    size: view.getUint32(at + 24, true),
    packed: view.getUint32(at + 20, true),
    offset: view.getUint32(at + 42, true),
  };
  for (let field = from; field + 4 <= to;) {
    const end = field + 4 + view.getUint16(field + 2, true);
    if (end > to) throw damaged(zip, "an extra field is cut");
    if (view.getUint16(field, true) === 1) {
      let place = field + 4;
      for (const key of ["size", "packed", "offset"] as const) {
        if (found[key] !== 0xffffffff) continue;
        if (place + 8 > end) throw damaged(zip, "a zip64 field is cut");
        found[key] = wide(zip, view, place);
        place += 8;
      }
    }
    field = end;
  }
  return found;
}

/** Names are safe and stand once; ranges do not overlap (many members over one range make a bomb). */
function checkEntries(zip: string, entries: readonly Entry[], limit: number): void {
  const names = new Set<string>();
  let end = 0;
  for (const entry of entries.toSorted((a, b) => a.offset - b.offset)) {
    checkRelative(entry.name, zip);
    if (names.has(entry.name)) throw damaged(zip, `"${entry.name}" stands twice`);
    names.add(entry.name);
    if (entry.offset < end) throw damaged(zip, `"${entry.name}" overlaps another member`);
    end = entry.offset + 30 + entry.packed;
    if (end > limit) throw damaged(zip, `"${entry.name}" ends behind the members`);
    if (entry.size > entry.packed * MAX_RATIO + 64) {
      throw damaged(zip, `"${entry.name}" has ${entry.packed} bytes for ${entry.size}`);
    }
  }
}

async function* memberBytes(
  source: ByteSource,
  { entry, password }: { entry: Entry; password?: string },
): AsyncGenerator<Bytes> {
  const where = `${source.name}/${entry.name}`;
  const raw = ReadableStream.from(packedBytes(source, { entry, password, where }));
  let plain: ReadableStream<Bytes> = raw;
  if (entry.method === 8) plain = inflate(where, raw, "deflate-raw");
  else if (entry.method !== 0) {
    const what = entry.method === 99 ? "AES encryption" : `method ${entry.method}`;
    throw new Refusal(`Cannot read ${where}: packed with ${what}, expected stored or deflated`);
  }
  let size = 0;
  let crc = 0;
  for await (const chunk of plain) {
    size += chunk.length;
    if (size > entry.size) break;
    crc = crc32(chunk, crc);
    yield chunk;
  }
  if (size !== entry.size) {
    throw damaged(
      where,
      `${size > entry.size ? "more" : size} bytes, its entry says ${entry.size}`,
    );
  }
  if (crc !== entry.crc) {
    throw damaged(where, `its CRC-32 is ${hex(crc)}, its entry says ${hex(entry.crc)}`);
  }
}

/** Bytes as they stand in the file, decrypted. */
async function* packedBytes(
  source: ByteSource,
  { entry, password, where }: { entry: Entry; password?: string; where: string },
): AsyncGenerator<Bytes> {
  const header = viewOf(await source.slice(entry.offset, entry.offset + 30));
  if (header.getUint32(0, true) !== 0x04034b50) throw damaged(where, "no header at its offset");
  let start = entry.offset + 30 + header.getUint16(26, true) + header.getUint16(28, true);
  const end = start + entry.packed;
  let cipher: Cipher | undefined;
  if (entry.flags & 1) {
    if (password === undefined) {
      throw new Refusal(`Cannot read ${where}: it is encrypted, expected a password`);
    }
    if (entry.packed < 12) throw damaged(where, "its encryption header is cut");
    cipher = new Cipher(password);
    const seed = cipher.decrypt(await source.slice(start, start + 12));
    const wanted = entry.flags & 8 ? entry.time >>> 8 : entry.crc >>> 24;
    if (seed[11] !== wanted) {
      throw new Refusal(
        `Cannot read ${where}: the password does not open it, expected another one`,
      );
    }
    start += 12;
  }
  for (let at = start; at < end; at += CHUNK) {
    const chunk = await source.slice(at, Math.min(end, at + CHUNK));
    yield cipher ? cipher.decrypt(chunk) : chunk;
  }
}

/** The traditional PKWARE cipher (APPNOTE 6.1): no protection, but GPQA is published under it. */
class Cipher {
  #a = 0x12345678;
  #b = 0x23456789;
  #c = 0x34567890;

  constructor(password: string) {
    for (const byte of new TextEncoder().encode(password)) this.#step(byte);
  }

  /** Plain bytes, in place. */
  decrypt(bytes: Bytes): Bytes {
    for (let i = 0; i < bytes.length; i++) {
      bytes[i] ^= this.#key();
      this.#step(bytes[i]);
    }
    return bytes;
  }

  #key(): number {
    const word = (this.#c | 2) & 0xffff;
    return ((word * (word ^ 1)) >>> 8) & 255;
  }

  #step(plain: number): void {
    this.#a = CRC_TABLE[(this.#a ^ plain) & 255] ^ (this.#a >>> 8);
    this.#b = (Math.imul((this.#b + (this.#a & 255)) | 0, 134775813) + 1) | 0;
    this.#c = CRC_TABLE[(this.#c ^ (this.#b >>> 24)) & 255] ^ (this.#c >>> 8);
  }
}

function wide(zip: string, view: DataView, at: number): number {
  const value = view.getBigUint64(at, true);
  if (value > Number.MAX_SAFE_INTEGER) throw damaged(zip, `it names byte ${value}`);
  return Number(value);
}

function viewOf(bytes: Bytes): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function hex(value: number): string {
  return value.toString(16).padStart(8, "0");
}

function damaged(where: string, problem: string): Refusal {
  return new Refusal(`Cannot read ${where}: ${problem}, expected a whole zip file`);
}
