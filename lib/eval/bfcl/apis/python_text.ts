/** Methods of Python's `str` that the simulated APIs call on whatever they are given. */
import { PyError, type PyValue, typeName } from "../../calls/py_value.ts";

/** The text; an AttributeError, named after the method that is called on it, for other values. */
export function textOf(value: PyValue, called: string): string {
  if (typeof value === "string") return value;
  throw new PyError("AttributeError", `'${typeName(value)}' object has no attribute '${called}'`);
}

/** `text.lower()`. */
export function pyLower(value: PyValue): string {
  return textOf(value, "lower").toLowerCase();
}

// deno-lint-ignore no-control-regex
const LINE_END = /(\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029])/;

/** `text.splitlines()`. */
export function splitLines(text: string): string[] {
  const lines = text.split(LINE_END).filter((_, i) => i % 2 === 0);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** `text.splitlines(keepends=True)`. */
export function linesWithEnds(text: string): string[] {
  const parts = text.split(LINE_END);
  const lines = splitLines(text);
  return lines.map((line, i) => line + (parts[2 * i + 1] ?? ""));
}
