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
