/**
 * Parquet to rows, one row group in memory at a time. hyparquet decodes; before it does, every size, count
 * and run length in a chunk is checked here, since it trusts them: a damaged run length alone would make it
 * fill memory.
 */
import { parquetMetadataAsync, parquetReadObjects, parquetSchema } from "hyparquet";
import type { ColumnMetaData, FileMetaData, RowGroup, SchemaTree } from "hyparquet";
import { Refusal } from "../refusal.ts";
import type { ByteSource } from "./bytes.ts";
import { checkPages, unpack } from "./parquet_pages.ts";
import type { Row } from "./source.ts";

/** Most bytes, and rows, of one row group. */
const MAX_GROUP = 1 << 30;
const MAX_ROWS = 1e7;

/** Codecs that are opened; LZ4 is not among them, no published benchmark uses it. */
const COMPRESSORS = Object.fromEntries(
  (["SNAPPY", "GZIP", "ZSTD", "BROTLI"] as const).map((codec) => [
    codec,
    (bytes: Uint8Array, size: number) => unpack(codec, bytes, size),
  ]),
);

/** Rows of the whole file, by its footer. */
export async function countParquet(source: ByteSource): Promise<number> {
  return Number((await metadataOf(source)).num_rows);
}

/** Rows of a parquet file; damage refuses. 64-bit integers beyond 2^53 become their digits, bytes base64. */
export async function* readParquet(source: ByteSource): AsyncGenerator<Row> {
  const metadata = await metadataOf(source);
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    const rows = await refusing(
      source,
      () => readGroup(source, { metadata, group, rowStart, rowEnd }),
    );
    for (const row of rows) yield row;
    rowStart = rowEnd;
  }
}

async function metadataOf(source: ByteSource): Promise<FileMetaData> {
  return await refusing(source, async () => {
    const size = await source.size();
    if (size < 12) throw new Error(`it has ${size} bytes`);
    const head = await source.slice(0, 4);
    if (new TextDecoder().decode(head) !== "PAR1") throw new Error('it does not start with "PAR1"');
    const metadata = await parquetMetadataAsync(bufferOf(source, size), { geoparquet: false });
    const rows = metadata.row_groups.reduce((sum, group) => sum + group.num_rows, 0n);
    if (rows !== metadata.num_rows) {
      throw new Error(`its groups have ${rows} rows, its footer says ${metadata.num_rows}`);
    }
    return metadata;
  });
}

interface GroupPlan {
  readonly metadata: FileMetaData;
  readonly group: RowGroup;
  readonly rowStart: number;
  readonly rowEnd: number;
}

async function readGroup(source: ByteSource, plan: GroupPlan): Promise<Row[]> {
  const { metadata, group, rowStart, rowEnd } = plan;
  if (rowEnd === rowStart) return [];
  const columns = group.columns.map(({ meta_data }) => {
    if (!meta_data) throw new Error("a column has no metadata");
    return meta_data;
  });
  const size = await source.size();
  const ranges = columns.map((column) => rangeOf(column, size));
  const from = Math.min(...ranges.map(({ start }) => start));
  const to = Math.max(...ranges.map(({ end }) => end));
  if (to - from > MAX_GROUP || !(rowEnd - rowStart <= MAX_ROWS)) {
    throw new Error(`a row group has ${to - from} bytes and ${rowEnd - rowStart} rows`);
  }
  const bytes = await source.slice(from, to);
  const schema = parquetSchema(metadata);
  const names = topLevel(schema);
  for (const [i, column] of columns.entries()) {
    const chunk = bytes.subarray(ranges[i].start - from, ranges[i].end - from);
    checkPages(chunk, { column, schema, rows: rowEnd - rowStart });
  }
  const file = {
    byteLength: size,
    slice: (start: number, end = size) => bytes.buffer.slice(start - from, end - from),
  };
  const rows = await parquetReadObjects({
    file,
    metadata,
    rowStart,
    rowEnd,
    compressors: COMPRESSORS,
    utf8: false,
    parsers: { stringFromBytes: strictText },
  });
  return rows.map((row) => plainRow(row, names));
}

/** Bytes of a column's pages. */
function rangeOf(column: ColumnMetaData, size: number): { start: number; end: number } {
  const start = Number(column.dictionary_page_offset || column.data_page_offset);
  const end = start + Number(column.total_compressed_size);
  if (!(start >= 4 && end > start && end <= size)) {
    throw new Error(`a column lies at bytes ${start} to ${end} of ${size}`);
  }
  return { start, end };
}

function topLevel(schema: SchemaTree): string[] {
  const names = schema.children.map(({ element }) => element.name);
  if (new Set(names).size !== names.length) throw new Error("a column name stands twice");
  return names;
}

function plainRow(row: Record<string, unknown>, names: readonly string[]): Row {
  return Object.fromEntries(names.map((name) => [name, plain(row[name], name)]));
}

/** A value that JSON holds. NaN is how pandas writes a missing number. */
function plain(value: unknown, column: string): unknown {
  switch (typeof value) {
    case "undefined":
      return null;
    case "bigint": {
      const number = Number(value);
      return Number.isSafeInteger(number) ? number : String(value);
    }
    case "number":
      if (Math.abs(value) === Infinity) throw new Error(`column "${column}" holds ${value}`);
      return Number.isNaN(value) ? null : value + 0;
    case "object":
      break;
    default:
      return value;
  }
  if (value === null) return null;
  if (value instanceof Uint8Array) return value.toBase64();
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map((item) => plain(item, column));
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, plain(inner, column)]),
  );
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function strictText(bytes: Uint8Array | undefined): string | undefined {
  return bytes && UTF8.decode(bytes);
}

function bufferOf(source: ByteSource, size: number) {
  return {
    byteLength: size,
    slice: async (start: number, end = size) => (await source.slice(start, end)).buffer,
  };
}

/** Whatever the decoder trips over is the file's fault: it only ever sees bytes. */
async function refusing<V>(source: ByteSource, body: () => Promise<V>): Promise<V> {
  try {
    return await body();
  } catch (cause) {
    if (cause instanceof Refusal) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Refusal(
      `Cannot read ${source.name} as parquet: ${reason}, expected a whole parquet file`,
      { cause },
    );
  }
}
