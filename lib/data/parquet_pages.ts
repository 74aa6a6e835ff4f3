/** Edge: checks of parquet pages (format 2.11: page headers, levels, RLE/bit-packed runs) before they are decoded. */
import { Buffer } from "node:buffer";
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import { snappyUncompress } from "hyparquet";
import type { ColumnMetaData, PageHeader, SchemaTree } from "hyparquet";
import { parquetHeader } from "hyparquet/src/column.js";
import { getMaxDefinitionLevel, getMaxRepetitionLevel, getTreePath } from "hyparquet/src/schema.js";
import { crc32 } from "./crc32.ts";

/** Most bytes of one page; writers aim at 1 MiB. */
const MAX_PAGE = 256 << 20;

/** Snappy's best: a copy of 64 bytes takes three. */
const MAX_SNAPPY = 22;

/** What the pages of a chunk must agree with. */
export interface ChunkRules {
  readonly column: ColumnMetaData;
  readonly schema: SchemaTree;
  /** Rows of the group. */
  readonly rows: number;
}

interface Levels {
  readonly repetition: number;
  readonly definition: number;
}

/** Throws when a page of the chunk says something that its bytes cannot hold. */
export function checkPages(chunk: Uint8Array<ArrayBuffer>, rules: ChunkRules): void {
  const { column, schema, rows } = rules;
  const path = getTreePath(schema, column.path_in_schema);
  const levels = {
    repetition: getMaxRepetitionLevel(path),
    definition: getMaxDefinitionLevel(path),
  };
  const name = column.path_in_schema.join(".");
  const total = Number(column.num_values);
  if (!(total >= 0 && (levels.repetition > 0 ? total >= rows : total === rows))) {
    throw new Error(`column "${name}" has ${total} values for ${rows} rows`);
  }
  const reader = { view: new DataView(chunk.buffer, chunk.byteOffset, chunk.length), offset: 0 };
  let values = 0;
  let begun = 0;
  let entries: number | undefined;
  while (values < total) {
    if (reader.offset >= chunk.length) {
      throw new Error(`column "${name}" has ${values} values, its footer says ${total}`);
    }
    const header = parquetHeader(reader);
    const end = reader.offset + header.compressed_page_size;
    if (!(header.compressed_page_size >= 0 && end <= chunk.length)) {
      throw new Error(`a page of column "${name}" has ${header.compressed_page_size} bytes`);
    }
    const bytes = chunk.subarray(reader.offset, end);
    if (header.crc !== undefined && crc32(bytes) !== header.crc >>> 0) {
      throw new Error(`a page of column "${name}" has another CRC-32 than its header says`);
    }
    const size = header.uncompressed_page_size;
    if (!(size >= 0 && size <= MAX_PAGE)) {
      throw new Error(`a page of column "${name}" has ${size} bytes uncompressed`);
    }
    if (header.type === "DICTIONARY_PAGE") {
      entries = header.dictionary_page_header?.num_values ?? -1;
      if (!(entries >= 0 && entries <= size)) throw new Error(`a dictionary of ${entries} entries`);
    } else {
      const page = { bytes, header, column, levels, entries };
      const data = header.type === "DATA_PAGE_V2" ? checkPageV2(page) : checkPageV1(page);
      values += data.values;
      begun += data.rows;
      if (values > total) throw new Error(`column "${name}" has more values than ${total}`);
    }
    reader.offset = end;
  }
  if (begun !== rows) throw new Error(`column "${name}" has ${begun} rows, its group ${rows}`);
}

interface Page {
  readonly bytes: Uint8Array;
  readonly header: PageHeader;
  readonly column: ColumnMetaData;
  readonly levels: Levels;
  /** Entries of the dictionary before it. */
  readonly entries?: number;
}

/** Values in a page, and rows that begin there. */
interface Counts {
  readonly values: number;
  readonly rows: number;
}

function checkPageV1({ bytes, header, column, levels, entries }: Page): Counts {
  const data = header.data_page_header;
  const values = data?.num_values ?? -1;
  if (header.type !== "DATA_PAGE" || !data || !(values > 0 && values <= column.num_values)) {
    throw new Error(`a page of type ${header.type} with ${values} values`);
  }
  let body = unpack(column.codec, bytes, header.uncompressed_page_size);
  let rows = values;
  /** Checks the levels that the body begins with, and takes them off. */
  const take = (most: number) => {
    const runs = lengthPrefixed(body);
    body = body.subarray(4 + runs.length);
    return checkLevels(runs, most, values);
  };
  if (levels.repetition > 0) rows = take(levels.repetition).zeros;
  let present = values;
  if (levels.definition > 0) present = take(levels.definition).highest;
  checkIndices(body, { encoding: data.encoding, count: present, entries, type: column.type });
  return { values, rows };
}

function checkPageV2({ bytes, header, column, levels, entries }: Page): Counts {
  const data = header.data_page_header_v2;
  const values = data?.num_values ?? -1;
  if (!data || !(values > 0 && values <= column.num_values)) {
    throw new Error(`a page of type ${header.type} with ${values} values`);
  }
  const { repetition_levels_byte_length: r, definition_levels_byte_length: d } = data;
  if (!(r >= 0 && d >= 0 && r + d <= Math.min(bytes.length, header.uncompressed_page_size))) {
    throw new Error(`a page has levels of ${r} and ${d} bytes`);
  }
  const rows = levels.repetition > 0
    ? checkLevels(bytes.subarray(0, r), levels.repetition, values).zeros
    : values;
  const present = levels.definition > 0
    ? checkLevels(bytes.subarray(r, r + d), levels.definition, values).highest
    : values;
  if (data.num_nulls !== values - present) {
    throw new Error(`a page has ${values - present} nulls, its header says ${data.num_nulls}`);
  }
  const packed = bytes.subarray(r + d);
  const body = data.is_compressed === false
    ? packed
    : unpack(column.codec, packed, header.uncompressed_page_size - r - d);
  checkIndices(body, { encoding: data.encoding, count: present, entries, type: column.type });
  return { values, rows };
}

/** Runs of dictionary indices, or of booleans. */
function checkIndices(
  body: Uint8Array,
  { encoding, count, entries, type }: {
    encoding: string;
    count: number;
    entries?: number;
    type: string;
  },
): void {
  if (encoding === "PLAIN") return;
  if (encoding === "RLE" && type === "BOOLEAN") {
    const runs = lengthPrefixed(body);
    if (count > 0) checkRuns(runs, { width: 1, count, below: 2 });
  } else if (encoding === "RLE_DICTIONARY" || encoding === "PLAIN_DICTIONARY") {
    if (entries === undefined) throw new Error("a page before its dictionary");
    if (count > 0) checkRuns(body.subarray(1), { width: body[0], count, below: entries });
  } else {
    throw new Error(`packed as ${encoding} (known: PLAIN, RLE, dictionary)`);
  }
}

function lengthPrefixed(body: Uint8Array): Uint8Array {
  const length = new DataView(body.buffer, body.byteOffset, body.length).getUint32(0, true);
  if (4 + length > body.length) throw new Error(`levels of ${length} bytes in ${body.length}`);
  return body.subarray(4, 4 + length);
}

/** Checks a page's levels, of 0 to `most`, one for each of `count` values. */
function checkLevels(runs: Uint8Array, most: number, count: number): ReturnType<typeof checkRuns> {
  return checkRuns(runs, { width: 32 - Math.clz32(most), count, below: most + 1 });
}

interface RunRules {
  /** Bits of a value. */
  readonly width: number;
  /** Values in all. */
  readonly count: number;
  /** Bound of the values. */
  readonly below: number;
}

/**
 * Walks runs of values; how many of those are 0, how many the highest possible. A run that repeats its value
 * beyond the last one throws, as does a value out of bounds. (Some writers pad bit-packed runs far.)
 */
function checkRuns(bytes: Uint8Array, rules: RunRules): { zeros: number; highest: number } {
  const { width, count, below } = rules;
  let zeros = 0;
  let highest = 0;
  const note = (value: number, times: number) => {
    if (value >= below) throw new Error(`the value ${value}, expected less than ${below}`);
    if (value === 0) zeros += times;
    if (value === below - 1) highest += times;
  };
  if (!(width <= 32)) throw new Error(`runs of ${width} bits`);
  if (width === 0) note(0, count);
  const unit = (width + 7) >> 3;
  let at = 0;
  for (let seen = width === 0 ? count : 0; seen < count;) {
    const { value: header, end } = varint(bytes, at);
    const run = Math.floor(header / 2);
    const left = count - seen;
    at = end;
    if (header % 2 === 1) {
      const packed = bytes.subarray(at, at + run * width);
      const values = Math.min(left, run * 8);
      if (run === 0 || packed.length * 8 < values * width) {
        throw new Error(`a run of ${run * 8} values for ${left}`);
      }
      for (let i = 0; i < values; i++) note(bitsAt(packed, i * width, width), 1);
      at += run * width;
      seen += values;
    } else {
      if (run === 0 || run > left || at + unit > bytes.length) {
        throw new Error(`a run of ${run} values for ${left}`);
      }
      note(bitsAt(bytes, at * 8, unit * 8), run);
      at += unit;
      seen += run;
    }
  }
  return { zeros, highest };
}

/** A number of seven bits a byte, as runs begin with. */
function varint(bytes: Uint8Array, at: number): { value: number; end: number } {
  let value = 0;
  for (let shift = 0;; shift += 7) {
    if (at >= bytes.length || shift > 28) throw new Error("a run is cut");
    const byte = bytes[at++];
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) return { value, end: at };
  }
}

/** `width` bits from bit `from` on, least significant first. */
function bitsAt(bytes: Uint8Array, from: number, width: number): number {
  let value = 0;
  for (let bit = 0; bit < width; bit++) {
    value += ((bytes[(from + bit) >> 3] >> ((from + bit) & 7)) & 1) * 2 ** bit;
  }
  return value;
}

/** The plain bytes of a page, exactly `size` of them. */
export function unpack(codec: string, bytes: Uint8Array, size: number): Uint8Array {
  const plain = unpackAny(codec, bytes, size);
  if (plain.length !== size) {
    throw new Error(`a page has ${plain.length} bytes, its header says ${size}`);
  }
  return plain;
}

function unpackAny(codec: string, bytes: Uint8Array, size: number): Uint8Array {
  const bound = { maxOutputLength: Math.max(1, size) };
  switch (codec) {
    case "UNCOMPRESSED":
      return bytes;
    case "SNAPPY": {
      if (size > bytes.length * MAX_SNAPPY) throw new Error(`${bytes.length} bytes for ${size}`);
      const plain = new Uint8Array(size);
      snappyUncompress(bytes, plain);
      return plain;
    }
    case "GZIP":
      return view(gunzipSync(bytes, bound));
    case "ZSTD":
      return view(zstdDecompressSync(bytes, bound));
    case "BROTLI":
      return view(brotliDecompressSync(bytes, bound));
    default:
      throw new Error(`packed with ${codec} (known: SNAPPY, GZIP, ZSTD, BROTLI)`);
  }
}

/** node's Buffer overrides `subarray` and `slice`; plain arrays do not. */
function view(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
