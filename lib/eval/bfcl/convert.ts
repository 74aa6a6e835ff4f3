/**
 * Argument texts of Java and JavaScript calls to values, by declared type. What does not look like its
 * type stays a string. The patterns are those of BFCL's converters, with their quirks.
 */
import { parseFloating, parseInteger } from "../calls/py_number.ts";
import { PyDict, PyError, type PyValue } from "../calls/py_value.ts";
import { stripSet } from "../math/text.ts";

const JAVA_INT = /^-?\d+\n?$/;
const JAVA_LONG = /^-?\d+[lL]\n?$/;
const JAVA_FLOAT = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?[fF]\n?$/;
const JAVA_DOUBLE = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\n?$/;

/** A Java argument; `items` is the element type of arrays and lists. */
export function convertJava(text: string, type: string, items?: string): PyValue {
  switch (type) {
    case "byte":
    case "short":
    case "integer":
      return JAVA_INT.test(text) ? BigInt(text.trim()) : text;
    case "long":
      return JAVA_LONG.test(text) ? BigInt(text.trim().slice(0, -1)) : text;
    case "float":
      return JAVA_FLOAT.test(text) ? Number(text.trim().slice(0, -1)) : text;
    case "double":
      return JAVA_DOUBLE.test(text) ? Number(text) : text;
    case "boolean":
      return text === "true" || text === "false" ? text === "true" : text;
    case "char":
    case "String":
    case "any":
      return text;
    case "Array":
      return javaArray(text, items);
    case "ArrayList":
      return javaList(text, items);
    case "HashMap":
      return javaMap(text);
  }
  throw new PyError("NotImplementedError", `${type} conversion is not implemented`);
}

/** `new T[]{...}`. */
function javaArray(text: string, items: string | undefined): PyValue {
  const inner = /new\s+\w+\[\]\s*\{(.*?)\}/.exec(text)?.[1];
  if (inner === undefined) return text;
  return inner.split(",").map((part) => part.trim()).filter((part) => part !== "")
    .map((part) => items ? convertJava(part, items) : javaValue(part));
}

/** `new ArrayList<T>(Arrays.asList(...))`, `new ArrayList<T>() {{ add(...); }}` or an empty one. */
function javaList(text: string, items: string | undefined): PyValue {
  const listed = /new\s+ArrayList<\w*>\(Arrays\.asList\((.+?)\)\)/.exec(text)?.[1];
  if (listed !== undefined) return listed.split(",").map((part) => javaItem(part.trim(), items));
  const body = /new\s+ArrayList<\w*>\(\)\s*\{\{/.exec(text);
  if (body) {
    const rest = text.slice(body.index + body[0].length);
    const end = rest.indexOf("}}", 1);
    if (end > 0) {
      return Array.from(
        rest.slice(0, end).matchAll(/add\((.+?)\)/g),
        ([, part]) => javaItem(part.trim(), items),
      );
    }
  }
  return /new\s+ArrayList<\w*>\(\)/.test(text) ? [] : text;
}

function javaItem(text: string, items: string | undefined): PyValue {
  if (items === "char" || items === "String") return text.slice(1, -1);
  return items ? convertJava(text, items) : javaValue(text);
}

/** `new HashMap<K, V>() {{ put("key", value); }}` or an empty one. */
function javaMap(text: string): PyValue {
  const head = /new\s+HashMap<[^]*?>\s*\(\)\s*\{/.exec(text);
  const end = head ? text.indexOf("}", head.index + head[0].length) : -1;
  if (head && end >= 0) {
    const puts = text.slice(head.index + head[0].length, end);
    return new PyDict(Array.from(
      puts.matchAll(/put\("(.*?)",(?:\s*\n)?(.*?)\)/g),
      ([, key, value]) => [key, javaValue(value.trim())] as const,
    ));
  }
  return /new\s+HashMap<[^]*?>\s*\(\)/.test(text) ? new PyDict() : text;
}

/** A value whose type only its spelling tells. */
function javaValue(text: string): PyValue {
  if (text === "true" || text === "false") return text === "true";
  if (text.startsWith('"') && text.endsWith('"')) return text.slice(1, -1);
  if (JAVA_LONG.test(text)) return BigInt(text.trim().slice(0, -1));
  if (JAVA_FLOAT.test(text)) return Number(text.trim().slice(0, -1));
  return parseInteger(text) ?? parseFloating(text) ?? text;
}

/** A JavaScript argument; `items` is the element type of arrays. */
export function convertJavascript(text: string, type: string, items?: string): PyValue {
  switch (type) {
    case "String":
      return unquoted(text) ?? text;
    case "integer":
      return /^-?\d+\n?$/.test(text) ? BigInt(text.trim()) : text;
    case "float":
      return /^-?\d+(?:\.\d+)?\n?$/.test(text) ? Number(text) : text;
    case "Bigint":
      return /^-?\d+n\n?$/.test(text) ? BigInt(text.trim().slice(0, -1)) : text;
    case "Boolean":
      return text === "true" || text === "false" ? text === "true" : text;
    case "dict":
      return javascriptObject(text.trim());
    case "array":
      return javascriptArray(text.trim(), items);
    case "any":
      return text;
  }
  throw new PyError("ValueError", `Unsupported type: ${type}`);
}

function unquoted(text: string): string | undefined {
  const quoted = (text.startsWith('"') && text.endsWith('"')) ||
    (text.startsWith("'") && text.endsWith("'"));
  return quoted ? text.slice(1, -1) : undefined;
}

/** `[...]` or `new Array(...)`, of values or of arrays of values. */
function javascriptArray(code: string, items: string | undefined): PyValue {
  const rows = arrayOfArrays(code);
  if (rows !== undefined) {
    return Array.from(rows.matchAll(/\[(.*?)\]/g), ([, row], index) => {
      const inner = row.trim();
      return (index === 0 && inner.startsWith("[") ? inner.slice(1) : inner).split(",")
        .map(javascriptValue);
    });
  }
  const match = /^(?:\[(.*?)\]|new\s+Array\((.*?)\))/.exec(code);
  if (!match) return code;
  const inner = (match[1] ?? match[2]).trim();
  const parts = inner === "" ? [] : inner.split(",").map((part) => part.trim());
  try {
    return parts.map((part) => items ? convertJavascript(part, items) : javascriptValue(part));
  } catch (error) {
    if (error instanceof PyError) return code; // an element type without conversion
    throw error;
  }
}

/**
 * The start of the code that is an array of arrays: `[` or `new Array(`, rows `[...]` between commas, and
 * the closing bracket. A row may hold brackets itself, so its end is tried at each `]` of the line.
 */
function arrayOfArrays(code: string): string | undefined {
  const open = /^(?:\[\s*\[|new\s+Array\(\s*\[)/.exec(code)?.[0];
  if (open === undefined) return undefined;
  const close = open.startsWith("[") ? "]" : ")";
  const failed = new Set<number>();
  const rowFrom = (start: number): number | undefined => {
    const line = code.indexOf("\n", start);
    const limit = line < 0 ? code.length : line;
    for (
      let end = code.indexOf("]", start);
      end >= 0 && end < limit;
      end = code.indexOf("]", end + 1)
    ) {
      if (failed.has(end)) continue;
      failed.add(end);
      const after = end + 1 + /^\s*/.exec(code.slice(end + 1))![0].length;
      const next = /^,\s*\[/.exec(code.slice(after))?.[0];
      const found = next === undefined ? undefined : rowFrom(after + next.length);
      if (found !== undefined) return found;
      if (code[after] === close) return after + 1;
    }
    return undefined;
  };
  const end = rowFrom(open.length);
  return end === undefined ? undefined : code.slice(0, end);
}

/** `{key: value, ...}` up to its first closing brace. */
function javascriptObject(code: string): PyValue {
  if (code === "{}") return new PyDict();
  const content = /^\{(.*?)\}/.exec(code)?.[1];
  if (content === undefined) return code;
  const pairs = content.matchAll(/([^:]+):(.*?)(?:,\s*(?=[^,]+:)|$)/g);
  return new PyDict(Array.from(pairs, ([, key, text]) => {
    const value = text.trim();
    const name = stripSet(key.trim(), "'\"");
    if (value.startsWith("[") && value.endsWith("]")) {
      return [name, javascriptArray(value, undefined)];
    }
    if (value.startsWith("{") && value.endsWith("}")) return [name, javascriptObject(value)];
    return [name, javascriptValue(stripSet(value, "'\""))];
  }));
}

function javascriptValue(text: string): PyValue {
  const bare = text.trim();
  if (bare === "true" || bare === "false") return bare === "true";
  return unquoted(bare) ?? parseInteger(bare) ?? parseFloating(bare) ?? bare;
}
