/** Items from the rows of a source, as most benchmarks have them. */
import type { OpenedSource, Row } from "../data/source.ts";
import { parseExactJson } from "../records/json.ts";
import type { Doc, Item } from "./task.ts";

/** How rows become items. */
export interface ItemOptions {
  /** The row as the benchmark's scorer knows it; undefined leaves it out. */
  readonly doc?: (row: Row) => Doc | undefined;
  /** What follows the task's name in an item's id; the row's number when absent. */
  readonly id?: (doc: Doc) => unknown;
}

/** Every row of all files, in order. */
export function rowItems(
  name: string,
  { doc: read = (row) => row, id }: ItemOptions = {},
): (data: OpenedSource) => AsyncGenerator<Item> {
  return async function* (data) {
    let index = 0;
    for await (const row of data.rows()) {
      const doc = read(row);
      if (doc) yield { id: `${name}/${id ? id(doc) : index}`, doc };
      index++;
    }
  };
}

/** Rows of a file of JSON Lines with numbers as they are written: `3.0` is no `3` in Python. */
export async function exactRows(data: OpenedSource, name: string): Promise<Doc[]> {
  const file = data.file(name);
  if (!file) return [];
  return (await file.text()).split("\n").flatMap((line, index) =>
    line.trim() === "" ? [] : [parseExactJson(line, `${file.where}:${index + 1}`) as Doc]
  );
}

/** Every row of all files as `exactRows` reads them. */
export function exactItems(
  name: string,
  { id }: { readonly id: (doc: Doc) => unknown },
): (data: OpenedSource) => AsyncGenerator<Item> {
  return async function* (data) {
    for (const file of data.files) {
      for (const doc of await exactRows(data, file.name)) yield { id: `${name}/${id(doc)}`, doc };
    }
  };
}

/** Rows of a file for each part (subject, book, ...), with the part's name in each, and its solved rows. */
export function partItems(
  name: string,
  { parts, field, file, shots }: {
    readonly parts: readonly string[];
    /** Field that holds the part's name. */
    readonly field: string;
    readonly file: (part: string) => string;
    /** File of solved rows, and how many are shown; none are where the source does not declare the file. */
    readonly shots?: { readonly file: (part: string) => string; readonly count: number };
  },
): (data: OpenedSource) => AsyncGenerator<Item> {
  return async function* (data) {
    for (const part of parts) {
      if (!data.file(file(part))) continue;
      const solved: Doc[] = [];
      if (shots && data.file(shots.file(part))) {
        for await (const row of data.rows(shots.file(part))) {
          if (solved.length < shots.count) solved.push({ [field]: part, ...row });
        }
      }
      let index = 0;
      for await (const row of data.rows(file(part))) {
        yield { id: `${name}/${part}/${index++}`, doc: { [field]: part, ...row }, shots: solved };
      }
    }
  };
}
