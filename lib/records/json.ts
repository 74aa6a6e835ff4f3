/** Strict JSON text to values: refuses with the place, and before nesting overflows a stack. */
import { Refusal } from "../refusal.ts";

/** Deepest nesting accepted; deeper input overflows the stack of whoever copies it. */
const MAX_DEPTH = 1000;

/** The value of a JSON text; `where` names it in a refusal. */
export function parseJson(text: string, where: string): unknown {
  checkDepth(text, where);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Refusal(`Cannot read ${where} as JSON: ${describe(cause, text)}`, { cause });
  }
}

/** What `JSON` offers for numbers whose spelling matters, missing from TypeScript's types. */
const exact = JSON as unknown as {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): unknown;
  isRawJSON(value: unknown): value is { readonly rawJSON: string };
};

/**
 * Plain JSON values that print again as they were written: a number such as `3.0` or `1e5`, of which
 * JavaScript would keep `3` or `100000`, is an object that `JSON.stringify` writes digit for digit.
 * Python's `Infinity` becomes `1e999`, which every reader of JSON takes for it.
 */
export function parseExactJson(text: string, where: string): unknown {
  checkDepth(text, where);
  const plain = withoutInfinity(text);
  try {
    return exact.parse(
      plain,
      (_, value, { source }) =>
        typeof value === "number" && source !== undefined && String(value) !== source
          ? exact.rawJSON(source)
          : value,
    );
  } catch (cause) {
    throw new Refusal(`Cannot read ${where} as JSON: ${describe(cause, plain)}`, { cause });
  }
}

/** A number that `parseExactJson` kept as it was written. */
export const isRawJson: (value: unknown) => value is { readonly rawJSON: string } = exact.isRawJSON;

/** The text with numbers in place of `Infinity`, outside strings. */
function withoutInfinity(text: string): string {
  if (!text.includes("Infinity")) return text;
  return text.replace(
    /("(?:[^"\\]|\\.)*")|\bInfinity\b/g,
    (_, string?: string) => string ?? "1e999",
  );
}

/** The message of JSON.parse, with the place of the first character it could not take. */
function describe(cause: unknown, text: string): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  const position = Number(/at position (\d+)/.exec(message)?.[1] ?? strayCharacter(text));
  const before = text.slice(0, position).split("\n");
  const line = before.length > 1 ? `line ${before.length} ` : "";
  // V8 says the place as well, of a text that may be one line of many.
  const said = message.replace(/(?: in JSON)? at position \d+(?: \(line \d+ column \d+\))?$/, "");
  return `${line}column ${before.at(-1)!.length + 1}: ${said}`;
}

/** A JSON token, a string by its opening quote. */
const TOKEN = /\s+|"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[{}[\]:,]/y;

/** Index of the first character that starts no JSON token: V8 says where it stopped within strings alone. */
function strayCharacter(line: string): number {
  let at = 0;
  for (TOKEN.lastIndex = 0; TOKEN.test(line); TOKEN.lastIndex = at) {
    at = line[at] === '"' ? stringEnd(line, at) : TOKEN.lastIndex;
  }
  return at;
}

/**
 * Index behind the string whose opening quote is at `start` of a JSON text, or the text's end. A loop: a
 * regular expression remembers every character it might give back, and has no room for 8 million.
 */
function stringEnd(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 92) i++;
    else if (c === 34) return i + 1;
  }
  return text.length;
}

/** Top-level keys of a text that is known to be a JSON object, with where each field lies. */
export function* topLevel(text: string): Generator<{ name: string; from: number; to: number }> {
  let depth = 0;
  let field: { name: string; from: number } | undefined;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '"') {
      const end = stringEnd(text, i);
      if (depth === 1 && !field) field = { name: JSON.parse(text.slice(i, end)), from: i };
      i = end - 1;
    } else if (c === "{" || c === "[") depth++;
    else if (c === "}" || c === "]") depth--;
    if (field && ((c === "," && depth === 1) || depth === 0)) {
      yield { ...field, to: i };
      field = undefined;
    }
  }
}

/** What follows a key. */
const COLON = /\s*:/y;

/** Refuses a key that stands twice in one object of a text that is known to be JSON. */
export function checkKeys(text: string, where: string): void {
  const around: Map<string, number>[] = []; // where the keys of each open object (or list, which has none) stand
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === "{" || c === "[") around.push(new Map());
    else if (c === "}" || c === "]") around.pop();
    if (c !== '"') continue;
    const start = i;
    const end = stringEnd(text, start);
    i = end - 1;
    COLON.lastIndex = end;
    if (!COLON.test(text)) continue;
    const name = JSON.parse(text.slice(start, end));
    const first = around.at(-1)!.get(name);
    if (first !== undefined) {
      const [before, again] = [first, start].map((at) => text.slice(0, at).split("\n").length);
      throw new Refusal(
        `Cannot read ${where}: key ${
          JSON.stringify(name)
        } on line ${again} stands twice, expected once (first on line ${before})`,
      );
    }
    around.at(-1)!.set(name, start);
  }
}

function checkDepth(text: string, where: string): void {
  if (text.length <= MAX_DEPTH) return;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 34) i = stringEnd(text, i) - 1;
    else if (c === 123 || c === 91) {
      if (++depth > MAX_DEPTH) {
        throw new Refusal(
          `Cannot read ${where}: nested deeper than ${MAX_DEPTH} levels, expected fewer`,
        );
      }
    } else if (c === 125 || c === 93) depth--;
  }
}

/**
 * Every leaf in which two JSON values differ, as "path was X, now Y"; an object that is new or gone counts as
 * one.
 */
export function differences(known: unknown, now: unknown, path = ""): string[] {
  if (isObject(known) && isObject(now)) {
    const names = new Set([...Object.keys(known), ...Object.keys(now)]);
    return [...names].flatMap((name) =>
      differences(known[name], now[name], path ? `${path}.${name}` : name)
    );
  }
  const [a, b] = [known, now].map((value) => JSON.stringify(value) ?? "unset");
  return a === b ? [] : [`${path} was ${a}, now ${b}`];
}

/** The first four of some differences, each cut where it is long, and how many more there are. */
export function summary(changes: readonly string[]): string {
  const shown = changes.slice(0, 4).map((line) =>
    line.length > 96 ? `${line.slice(0, 95)}…` : line
  );
  const rest = changes.length - shown.length;
  return [...shown, ...(rest > 0 ? [`${rest} more`] : [])].join("; ");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
