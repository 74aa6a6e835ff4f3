/** JSON as Python reads and writes it: `3` and `3.0` stay apart, keys keep their order. */
import { isRawJson } from "../../records/json.ts";
import {
  floatRepr,
  intRepr,
  PyDict,
  PyError,
  pyRepr,
  PyTuple,
  type PyValue,
  typeName,
} from "./py_value.ts";

/** Deepest nesting read. */
const MAX_DEPTH = 500;

const TOKEN = /\s*(?:([[\]{},:])|("(?:[^"\\]|\\.)*")|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(\w+))/sy;

/** `json.loads(text)`; a SyntaxError says what is wrong. */
export function readPyJson(text: string): PyValue {
  const tokens = new Tokens(text);
  const value = readValue(tokens, tokens.next(), 0);
  tokens.end();
  return value;
}

class Tokens {
  readonly #pattern = new RegExp(TOKEN);

  constructor(readonly text: string) {}

  next(): RegExpExecArray {
    const at = this.#pattern.lastIndex;
    const match = this.#pattern.exec(this.text);
    if (!match) throw new SyntaxError(`no JSON token at position ${at}`);
    return match;
  }

  end(): void {
    if (this.text.slice(this.#pattern.lastIndex).trim() !== "") {
      throw new SyntaxError(`more than one JSON value at position ${this.#pattern.lastIndex}`);
    }
  }
}

const WORDS: Readonly<Record<string, PyValue>> = {
  true: true,
  false: false,
  null: null,
  NaN: NaN,
  Infinity,
};

function readValue(tokens: Tokens, token: RegExpExecArray, depth: number): PyValue {
  const [, mark, string, number, word] = token;
  if (depth > MAX_DEPTH) throw new SyntaxError("JSON is nested too deeply");
  if (string !== undefined) return JSON.parse(string);
  if (number !== undefined) return /[.eE]/.test(number) ? Number(number) : BigInt(number);
  if (word !== undefined && Object.hasOwn(WORDS, word)) return WORDS[word];
  if (mark === "[") return readList(tokens, depth);
  if (mark === "{") return readObject(tokens, depth);
  throw new SyntaxError(`unexpected ${mark ?? word} in JSON`);
}

function readList(tokens: Tokens, depth: number): PyValue[] {
  const items: PyValue[] = [];
  for (let token = tokens.next(); token[1] !== "]"; token = tokens.next()) {
    items.push(readValue(tokens, token, depth + 1));
    if (separator(tokens, "]") === "]") break;
  }
  return items;
}

function readObject(tokens: Tokens, depth: number): PyDict {
  const dict = new PyDict();
  for (let token = tokens.next(); token[1] !== "}"; token = tokens.next()) {
    if (token[2] === undefined) throw new SyntaxError("expected a string as key in JSON");
    if (tokens.next()[1] !== ":") throw new SyntaxError("expected : in JSON");
    dict.set(JSON.parse(token[2]), readValue(tokens, tokens.next(), depth + 1));
    if (separator(tokens, "}") === "}") break;
  }
  return dict;
}

function separator(tokens: Tokens, close: string): string {
  const mark = tokens.next()[1];
  if (mark !== "," && mark !== close) throw new SyntaxError(`expected , or ${close} in JSON`);
  return mark;
}

/**
 * A JSON value as Python would have read it. Numbers that `JSON.parse` read have lost `3` against `3.0`:
 * whole ones become ints. Values read by `readPyJson` pass as they are, and those of `parseExactJson` have lost nothing.
 */
export function toPython(value: unknown): PyValue {
  if (typeof value === "number") return Number.isInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(toPython);
  if (value === undefined) return null;
  if (value === null || typeof value !== "object" || value instanceof PyDict) {
    return value as PyValue;
  }
  if (isRawJson(value)) return readPyJson(value.rawJSON);
  return new PyDict(Object.entries(value).map(([key, inner]) => [key, toPython(inner)]));
}

/** `json.dumps(value)`; a PyError of kind TypeError where Python raises one. */
export function pyJson(value: PyValue): string {
  if (value === null) return "null";
  switch (typeof value) {
    case "boolean":
      return String(value);
    case "bigint":
      return intRepr(value);
    case "number":
      return jsonFloat(value);
    case "string":
      return jsonString(value);
  }
  if (Array.isArray(value)) return `[${value.map(pyJson).join(", ")}]`;
  if (value instanceof PyTuple) return pyJson([...value.items]);
  if (value instanceof PyDict) {
    return `{${value.entries().map(([k, v]) => `${jsonKey(k)}: ${pyJson(v)}`).join(", ")}}`;
  }
  throw new PyError(
    "TypeError",
    `Object of type ${typeName(value)} is not JSON serializable`,
  );
}

function jsonKey(key: PyValue): string {
  if (typeof key === "string") return jsonString(key);
  if (key === null || typeof key !== "object") return `"${pyJson(key)}"`;
  throw new PyError(
    "TypeError",
    `keys must be str, int, float, bool or None, not ${typeName(key)}`,
  );
}

function jsonFloat(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "Infinity" : "-Infinity";
  return floatRepr(value);
}

function jsonString(text: string): string {
  return JSON.stringify(text).replace(
    /[\x7f-\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** What a function's result looks like to a model: strings as they are, dicts as JSON, others as text. */
export function resultText(value: PyValue): string {
  if (typeof value === "string") return value;
  if (!(value instanceof PyDict)) return pyRepr(value);
  try {
    return pyJson(value);
  } catch (error) {
    if (error instanceof PyError) return pyRepr(value);
    throw error;
  }
}
