/** The long texts of BFCL's `long_context` items, which stand in the official evaluator's source alone. */
import { evaluate } from "../calls/py_eval.ts";
import { parseExpression } from "../calls/py_parser.ts";
import type { PyValue } from "../calls/py_value.ts";
import type { LongContext } from "./apis/api.ts";

const NO_NAMES: ReadonlyMap<string, PyValue> = new Map();

/** Reads the official `long_context.py`: assignments of literals to names in capitals. */
export function readLongContext(source: string): LongContext {
  const starts = [...source.matchAll(/^([A-Z][A-Z0-9_]*)[ ]?=/gm)];
  return new Map(starts.map((start, i) => {
    const text = source.slice(start.index + start[0].length, starts[i + 1]?.index);
    return [start[1], evaluate(parseExpression(text.trim()), NO_NAMES)];
  }));
}
