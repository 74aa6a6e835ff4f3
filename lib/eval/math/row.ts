/** Rows of the mathematics benchmarks. */
import type { Doc } from "../task.ts";

/** A field of a row as text. */
export function field(doc: Doc, name: string): string {
  const value = doc[name];
  return typeof value === "string"
    ? value
    : value === undefined || value === null
    ? ""
    : String(value);
}
