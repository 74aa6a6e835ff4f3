/** Where a benchmark's rows come from: plain data, declared by the tasks, resolved by `openSource`. */

import type { Env, Progress } from "../hub/settings.ts";

/** One row: a JSON object, a CSV line by column name, or `{text}` of a line or a whole text. */
export type Row = Record<string, unknown>;

/**
 * How the bytes of a file become rows.
 * - `json`: the elements of an array, or one row that is the whole object (see `SourceFile.at`); a `.json`
 *   file whose first line is a whole object followed by others is read as `jsonl`.
 * - `jsonl`: one object a line. `csv`: RFC 4180. `parquet`. `lines`: `{text}` of each line.
 * - `yaml`: as `json`.
 * - `text`: one row `{text}`.
 */
export type Format = "json" | "jsonl" | "csv" | "parquet" | "yaml" | "lines" | "text";

/** A published archive (tar, tar.gz, zip) that holds files of a source. */
export interface Archive {
  /** Its path in the repository; its last part is its name under `DIR/<task>/`. */
  readonly path: string;
  /** Where it is, when not in the source's repository. */
  readonly url?: string;
  /** Published password of an encrypted zip. */
  readonly password?: string;
  /** As `SourceFile.digest`, of the archive. */
  readonly digest?: string;
}

/** One original file. */
export interface SourceFile {
  /**
   * Original name, `/` between folders: the file is looked for as `DIR/<task>/<name>`, then with `.gz`
   * behind it, then under its path in the same ways, then as `<stem>.sample.<ext>`. A name that ends in
   * `/` is a folder: its rows are `{path, text}` of every file below it, or with a `format` their rows.
   */
  readonly name: string;
  /** Path in the repository, or in `archive`; the name unless told otherwise. */
  readonly path?: string;
  /** Where it is, when not in the source's repository. */
  readonly url?: string;
  /** The archive it is published in. */
  readonly archive?: Archive;
  /** By the name's ending unless told otherwise. */
  readonly format?: Format;
  /** `json`: the key that holds the rows ("" for the top level); an object's values get their key as `_key`. */
  readonly at?: string;
  /** `csv`: names of the columns of a file without a header line. */
  readonly columns?: readonly string[];
  /** Rows of the full file; another count refuses. */
  readonly rows?: number;
  /** Of the full published file: SHA-256 (64 hex digits) or git blob id (40); another one refuses. */
  readonly digest?: string;
}

/** One published form of a benchmark's data. A task may declare several: the first that is found is used. */
export interface Source {
  /** Tells apart several forms of one task. */
  readonly form?: string;
  /** `org/name`: a dataset on the Hugging Face Hub; `github:owner/name`: files of a git repository. */
  readonly repo?: string;
  /** Commit, tag or branch; `main` unless told otherwise. */
  readonly revision?: string;
  /** What it consists of. */
  readonly files: readonly SourceFile[];
  /** Licence of the data, in a few words. */
  readonly licence: string;
  /** Items of the full benchmark. */
  readonly items: number;
  /** Where a person gets it when no program can: a page, and what to do there. */
  readonly home?: string;
}

/** A declared file that was found. */
export interface OpenedFile {
  /** As declared. */
  readonly name: string;
  /** Where it was found: a path, for messages. */
  readonly where: string;
  /** A part of the full file. */
  readonly sample: boolean;
  /** Its rows, from the start at every call. */
  rows(): AsyncIterable<Row>;
  /** The whole text. */
  text(): Promise<string>;
}

/** A source with all its files found. */
export interface OpenedSource {
  /** The declared form that was found. */
  readonly source: Source;
  /** Some file is a sample, or absent from a folder of samples. */
  readonly sample: boolean;
  /** Found files, in declared order. */
  readonly files: readonly OpenedFile[];
  /** The file of a declared name; undefined only when it is absent from a folder of samples. */
  file(name: string): OpenedFile | undefined;
  /** Rows of one file after the other, or of the named one. */
  rows(name?: string): AsyncIterable<Row>;
}

/** What `openSource` may use. */
export interface OpenOptions {
  /** `--data DIR`. */
  readonly data?: string;
  /** The environment; `Deno.env` is one. */
  readonly env: Env;
  /** Takes lines for the user: fallbacks and what was downloaded. */
  readonly notice: (line: string) => void;
  /** Told how far a download is. */
  readonly progress?: Progress;
}
