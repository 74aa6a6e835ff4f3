/** Small archives and parquet files, written for tests. */
import { parquetWriteBuffer } from "hyparquet-writer";
import { gunzipSync, gzipSync, zstdCompressSync } from "node:zlib";
import type { ByteSource } from "../../../lib/data/bytes.ts";
import { memorySource } from "../../../lib/data/bytes.ts";
import { crc32 } from "../../../lib/data/crc32.ts";
import type { Row } from "../../../lib/data/source.ts";
import { concat } from "../../../lib/concat.ts";

/** UTF-8. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** A text file. */
export function textSource(text: string, name = "f"): ByteSource {
  return memorySource(name, utf8(text));
}

/** A text file whose stream comes byte by byte: every boundary falls everywhere. */
export function slowSource(text: string, name = "f"): ByteSource {
  const bytes = utf8(text);
  const stream = () => ReadableStream.from(Array.from(bytes, (byte) => Uint8Array.of(byte)));
  return { ...memorySource(name, bytes), stream };
}

/** All rows. */
export async function all(rows: AsyncIterable<Row>): Promise<Row[]> {
  return await Array.fromAsync(rows);
}

/** A file in `tests/fixtures/data`, unpacked when it ends in `.gz`. */
export function fixture(name: string): Uint8Array<ArrayBuffer> {
  const bytes = Deno.readFileSync(new URL(`../../fixtures/data/${name}`, import.meta.url));
  return name.endsWith(".gz") ? Uint8Array.from(gunzipSync(bytes)) : bytes;
}

/** A stored zip; `edit` may spoil one member's directory entry and header. */
export function zipOf(
  files: Readonly<Record<string, string>>,
  edit: (entry: DataView, name: string) => void = () => {},
): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const data = utf8(text);
    const label = utf8(name);
    const header = new DataView(new ArrayBuffer(30));
    header.setUint32(0, 0x04034b50, true);
    header.setUint16(26, label.length, true);
    const entry = new DataView(new ArrayBuffer(46));
    entry.setUint32(0, 0x02014b50, true);
    entry.setUint32(16, crc32(data), true);
    entry.setUint32(20, data.length, true);
    entry.setUint32(24, data.length, true);
    entry.setUint16(28, label.length, true);
    entry.setUint32(42, offset, true);
    edit(entry, name);
    parts.push(new Uint8Array(header.buffer), label, data);
    directory.push(new Uint8Array(entry.buffer), label);
    offset += 30 + label.length + data.length;
  }
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  end.setUint16(8, directory.length / 2, true);
  end.setUint16(10, directory.length / 2, true);
  end.setUint32(12, concat(directory).length, true);
  end.setUint32(16, offset, true);
  return concat([...parts, ...directory, new Uint8Array(end.buffer)]);
}

/** A ustar file. */
export function tarOf(
  files: Readonly<Record<string, string>>,
  type = "0",
): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (const [name, text] of Object.entries(files)) {
    const data = utf8(text);
    const header = new Uint8Array(512);
    header.set(utf8(name));
    header.set(utf8(data.length.toString(8).padStart(11, "0")), 124);
    header.set(utf8(`        ${type}`), 148);
    header.set(utf8("ustar\0"), 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.set(utf8(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
    parts.push(header, data, new Uint8Array((512 - data.length % 512) % 512));
  }
  return concat([...parts, new Uint8Array(1024)]);
}

const PACKERS = {
  GZIP: (bytes: Uint8Array) => Uint8Array.from(gzipSync(bytes)),
  ZSTD: (bytes: Uint8Array) => Uint8Array.from(zstdCompressSync(bytes)),
};

/** A parquet file of questions with lists, numbers and gaps; two row groups. */
export function parquetOf(
  rows: number,
  codec: "SNAPPY" | "UNCOMPRESSED" | "GZIP" | "ZSTD" = "SNAPPY",
): { bytes: Uint8Array<ArrayBuffer>; wanted: Row[] } {
  const range = Array.from({ length: rows }, (_, i) => i);
  const question = range.map((i) => `Wieviel ist ${i} + ${i}? 多少`);
  const choices = range.map((i) => Array.from({ length: i % 4 }, (_, j) => `${i}-${j}`));
  const answer = range.map((i) => BigInt(2 * i));
  const subject = range.map((i) => i % 3 ? "algebra" : "analysis");
  const note = range.map((i) => i % 5 ? `note ${i}` : null);
  const level = range.map((i) => i / 2);
  const buffer = parquetWriteBuffer({
    columnData: [
      { name: "question", data: question, type: "STRING" },
      { name: "choices", data: choices },
      { name: "answer", data: answer, type: "INT64" },
      { name: "subject", data: subject, type: "STRING" },
      { name: "note", data: note, type: "STRING", nullable: true },
      { name: "level", data: level, type: "DOUBLE" },
    ],
    codec,
    compressors: PACKERS,
    rowGroupSize: Math.ceil(rows / 2),
  });
  const wanted = range.map((i) => ({
    question: question[i],
    choices: choices[i],
    answer: Number(answer[i]),
    subject: subject[i],
    note: note[i],
    level: level[i],
  }));
  return { bytes: new Uint8Array(buffer), wanted };
}
