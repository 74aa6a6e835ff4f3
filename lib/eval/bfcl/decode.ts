/** From a model's text to calls, as BFCL's handlers for prompted models decode it. */
import { type Call, MAX_CALL_TEXT, pythonCalls } from "../calls/call.ts";
import { javaCalls } from "../calls/java.ts";
import { javascriptCalls } from "../calls/javascript.ts";
import { PyDict, PyError, pyRepr, type PyValue } from "../calls/py_value.ts";
import { stripSet } from "../math/text.ts";

/** Language that a category's functions are written in. */
export type Language = "Python" | "Java" | "JavaScript";

/** Calls, or why there are none. */
export type Decoded =
  | { readonly calls: readonly Call[] }
  | { readonly failure: "decoder_failed" | "decoder_wrong_output_format"; readonly why: string };

/** Decodes one answer. */
export function decodeCalls(text: string, language: Language = "Python"): Decoded {
  const list = bracketed(text);
  try {
    const calls = language === "Python"
      ? pythonCalls(stripSet(list, "[]'"))
      : language === "Java"
      ? javaCalls(list.slice(1, -1))
      : javascriptCalls(list.slice(1, -1));
    if (calls) return { calls };
    return { failure: "decoder_wrong_output_format", why: "no call among the statements" };
  } catch (error) {
    if (!(error instanceof PyError)) throw error;
    return { failure: "decoder_failed", why: error.message };
  }
}

/** The answer without fences and blanks around it, in brackets. */
function bracketed(text: string): string {
  const bare = stripSet(text.slice(0, 2 * MAX_CALL_TEXT), "`\n ");
  const opened = bare.startsWith("[") ? bare : `[${bare}`;
  return opened.endsWith("]") ? opened : `${opened}]`;
}

/** A call as the Python text that multi-turn items execute. */
export function callText({ name, args }: Call): string {
  return `${name}(${namedArguments(args)})`;
}

function namedArguments(args: PyDict): string {
  return args.entries().map(([key, value]) => `${key === null ? "None" : key}=${valueText(value)}`)
    .join(", ");
}

/** A dict of dicts stands for a nested call (the empty dict does so too, and cannot be written). */
function valueText(value: PyValue): string {
  if (!(value instanceof PyDict)) return pyRepr(value);
  const entries = value.entries();
  if (entries.every(([, inner]) => inner instanceof PyDict)) {
    if (entries.length === 0) throw new PyError("IndexError", "list index out of range");
    const [name, args] = entries[0];
    return `${typeof name === "string" ? name : pyRepr(name)}(${namedArguments(args as PyDict)})`;
  }
  const parts = entries.map(([key, inner]) => {
    const text = typeof key === "string" ? key : pyRepr(key);
    return `'${text}': ${valueText(inner)}`;
  });
  return `{${parts.join(", ")}}`;
}
