/** The bytes of an original file to rows, whatever its format. */
import { lines } from "../records/lines.ts";
import { type ByteSource, readText, streamed } from "./bytes.ts";
import { readCsv } from "./csv.ts";
import { inflate } from "./inflate.ts";
import { countJsonLines, readJson, readJsonLines } from "./json.ts";
import type { Format, Row, SourceFile } from "./source.ts";

const BY_ENDING: Readonly<Record<string, Format>> = {
  json: "json",
  jsonl: "jsonl",
  ndjson: "jsonl",
  csv: "csv",
  parquet: "parquet",
  yaml: "yaml",
  lst: "lines",
};

/** Format of a file by the ending of its name; `text` for one that is not known. */
export function formatOf(name: string): Format {
  return BY_ENDING[name.replace(/\.gz$/, "").split(".").at(-1)!.toLowerCase()] ?? "text";
}

/** What of a declaration decides how bytes are read. */
export type Reading = Pick<SourceFile, "name" | "format" | "at" | "columns">;

/** Rows of a file; bytes whose name ends in `.gz` are unpacked first. Damage refuses in one line. */
export async function* readRows(source: ByteSource, reading: Reading): AsyncGenerator<Row> {
  if (source.name.endsWith(".gz")) return yield* readRows(gunzip(source), reading);
  const format = reading.format ?? formatOf(reading.name);
  switch (format) {
    case "json":
      return yield* readJson(source, reading.at);
    case "jsonl":
      return yield* readJsonLines(source);
    case "csv":
      return yield* readCsv(source, reading.columns);
    case "parquet": {
      const { readParquet } = await import("./parquet.ts");
      return yield* readParquet(source);
    }
    case "yaml": {
      const { readYaml } = await import("./yaml.ts");
      return yield* readYaml(source, reading.at);
    }
    case "lines":
      for await (const { text } of lines(source.stream(), { source: source.name })) {
        yield { text: text.replace(/\r$/, "") };
      }
      return;
    case "text":
      yield { text: await readText(source) };
  }
}

/** Rows that `readRows` would give; cheaper where the format says how many. */
export async function countRows(source: ByteSource, reading: Reading): Promise<number> {
  const format = reading.format ?? formatOf(reading.name);
  if (format === "parquet") {
    const { countParquet } = await import("./parquet.ts");
    return await countParquet(source);
  }
  if (format === "jsonl") {
    return await countJsonLines(source.name.endsWith(".gz") ? gunzip(source) : source);
  }
  let count = 0;
  for await (const _ of readRows(source, reading)) count++;
  return count;
}

/** The plain bytes of a gzip file, as a stream. */
export function gunzip(source: ByteSource): ByteSource {
  const name = source.name.replace(/\.gz$/, "");
  return streamed(name, () => inflate(source.name, source.stream(), "gzip"));
}
