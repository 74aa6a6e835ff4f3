/**
 * The record that flows through every stage. It keeps its source line, and new fields are spliced into
 * that line, so what we do not know (fields, digits of large integers, spacing) passes byte for byte.
 */
import { Refusal } from "../refusal.ts";
import { parseExactJson, parseJson, topLevel } from "./json.ts";

/** One chat message. */
export interface Message {
  /** system, user, assistant or tool. */
  readonly role: string;
  /** What was said. */
  readonly content: string;
  /** Whatever else a chat template reads. */
  readonly [field: string]: unknown;
}

/** Fields whose repetition in one record is refused rather than resolved. */
const UNIQUE = new Set(["tokens", "model", "id"]);

/** One line of JSON with the fields added to it since. */
export class Rec {
  readonly #fields: ReadonlyMap<string, unknown>;
  readonly #added = new Map<string, unknown>();
  #repeated: string | undefined;

  private constructor(
    /** Where the record came from, for messages: "stdin:3". */
    readonly where: string,
    /** The input line, or "{}" for a record made by us. */
    readonly line: string,
    fields: Record<string, unknown>,
  ) {
    this.#fields = new Map(Object.entries(fields));
  }

  /** Reads one line; refuses what is not a JSON object, names `where` it stands. */
  static parse(line: string, where: string): Rec {
    if (/^\s*[{[]\s*$/.test(line)) {
      throw new Refusal(
        `Cannot read ${where} as JSON: found a bracket alone, expected a whole record on each line (as "jq -c" writes them)`,
      );
    }
    const rec = new Rec(where, line, parseObject(line, where));
    rec.#repeated = repeatedField(rec);
    const id = rec.get("id");
    if (id !== undefined && typeof id !== "string") {
      throw new Refusal(`Cannot read ${where}: field "id" is ${kindOf(id)}, expected a string`);
    }
    return rec;
  }

  /** A record made by us; fields that are undefined are not there, as in JSON. */
  static from(fields: Record<string, unknown>, where = "record"): Rec {
    const rec = new Rec(where, "{}", {});
    for (const [name, value] of Object.entries(fields)) {
      if (value !== undefined) rec.set(name, value);
    }
    return rec;
  }

  /** Field `id`, else "<source>:<line>". */
  get id(): string {
    return (this.get("id") ?? this.where) as string;
  }

  /** The first field that stands twice in the line, if one does; its last value counts. */
  get repeated(): string | undefined {
    return this.#repeated;
  }

  /** A field's value, own fields only. */
  get(name: string): unknown {
    return this.#added.has(name) ? this.#added.get(name) : this.#fields.get(name);
  }

  /** A field's value with its numbers as they are written (see `parseExactJson`). */
  exact(name: string): unknown {
    if (this.#added.has(name) || !this.#fields.has(name)) return this.get(name);
    const { from, to } = [...topLevel(this.line)].findLast((field) => field.name === name)!;
    const text = `{${this.line.slice(from, to)}}`;
    return (parseExactJson(text, this.where) as Record<string, unknown>)[name];
  }

  /** Names and values of all fields, source first. */
  entries(): [string, unknown][] {
    const source = [...this.#fields].filter(([name]) => !this.#added.has(name));
    return [...source, ...this.#added];
  }

  /** Whether the field is there. */
  has(name: string): boolean {
    return this.#added.has(name) || this.#fields.has(name);
  }

  /** Whether an earlier stage left its `error`; the null of foreign records (OpenAI's batches) is none. */
  get failed(): boolean {
    return (this.get("error") ?? null) !== null;
  }

  /** Adds or replaces a field; values that JSON cannot hold are an error of ours. */
  set(name: string, value: unknown): void {
    if (["undefined", "function", "symbol"].includes(typeof value)) {
      throw new TypeError(`Cannot write field "${name}": ${typeof value} has no JSON form`);
    }
    if (name === "id" && typeof value !== "string") {
      throw new TypeError(`Cannot write field "id": it is ${kindOf(value)}, expected a string`);
    }
    checkNumbers(value, name);
    this.#added.set(name, value);
  }

  /** A copy that shares nothing that changes. */
  clone(): Rec {
    const copy = new Rec(this.where, this.line, Object.fromEntries(this.#fields));
    for (const [name, value] of this.#added) copy.set(name, value);
    return copy;
  }

  /** A copy without some fields; all others keep their bytes. */
  without(names: ReadonlySet<string>): Rec {
    const kept = [...this.#fields].filter(([name]) => !names.has(name));
    const copy = new Rec(this.where, without(this.line, names), Object.fromEntries(kept));
    for (const [name, value] of this.#added) if (!names.has(name)) copy.set(name, value);
    return copy;
  }

  /** One line of JSON. */
  toString(): string {
    if (this.#added.size === 0 && this.#fields.has("id")) return this.line;
    const lead = this.has("id") ? [] : [`"id":${JSON.stringify(this.where)}`];
    const added = [...this.#added];
    const replaced = added.some(([name]) => this.#fields.has(name));
    const source = replaced ? without(this.line, this.#added) : this.line;
    const inner = source.slice(source.indexOf("{") + 1, source.lastIndexOf("}")).trim();
    const parts = added.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
    return `{${[...lead, ...(inner ? [inner] : []), ...parts].join(",")}}`;
  }
}

/** The object of a JSON text; `where` names it in a refusal. */
export function parseObject(text: string, where: string): Record<string, unknown> {
  const value = parseJson(text, where);
  if (kindOf(value) === "object") return value as Record<string, unknown>;
  throw new Refusal(`Cannot read ${where}: found ${kindOf(value)}, expected object`);
}

/** What a JSON value is, in the words of messages. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value;
}

/** Text with control characters escaped, short enough for one line of a message. */
export function shown(value: unknown): string {
  // JSON has 1e400, which is Infinity here and null to JSON.stringify.
  const text = typeof value === "number" ? String(value) : JSON.stringify(value) ?? "undefined";
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** What token ids are checked against; `tokens` of a record unless told otherwise. */
export interface TokenRules {
  readonly vocab: number;
  readonly mask?: number;
  readonly field?: string;
  readonly tokens?: unknown;
}

/** Token ids, each checked against the vocabulary; the mask id may not stand in a prompt. */
export function tokensOf(rec: Rec, rules: TokenRules): number[] {
  const { vocab, mask, field = "tokens" } = rules;
  const tokens = "field" in rules ? rules.tokens : rec.get("tokens");
  if (!Array.isArray(tokens) || tokens.length === 0) {
    const found = Array.isArray(tokens) ? "empty" : kindOf(tokens);
    throw wrong(rec, `field "${field}" is ${found}, expected a list of token ids`);
  }
  for (const [index, token] of tokens.entries()) {
    const at = `field "${field}[${index}]" is ${shown(token)}`;
    if (!Number.isInteger(token) || token < 0 || token >= vocab) {
      throw wrong(rec, `${at}, expected a whole number below ${vocab}`);
    }
    if (token === mask) throw wrong(rec, `${at}, the mask id, expected no mask in a prompt`);
  }
  return tokens.map((token) => token + 0); // JSON has a -0
}

const ROLES = ["system", "user", "assistant", "tool"];

/**
 * What to tokenize: `prompt`, or `messages`; refuses both, neither, and what a template cannot take. `wanted` names
 * what the caller takes.
 */
export function inputOf(
  rec: Rec,
  wanted = '"prompt", "messages" or "tokens"',
): { prompt: string } | { messages: Message[] } {
  const prompt = rec.get("prompt");
  const messages = rec.get("messages");
  if (prompt !== undefined && messages !== undefined) {
    throw wrong(rec, 'fields "prompt" and "messages" are both there, expected one of them');
  }
  if (prompt !== undefined) {
    if (typeof prompt !== "string") {
      throw wrong(rec, `field "prompt" is ${kindOf(prompt)}, expected a string`);
    }
    return { prompt };
  }
  if (messages === undefined) {
    throw wrong(rec, `field "prompt" is undefined, expected ${wanted}`);
  }
  if (!Array.isArray(messages) || messages.length === 0) {
    const found = Array.isArray(messages) ? "empty" : kindOf(messages);
    throw wrong(rec, `field "messages" is ${found}, expected a list of {role, content}`);
  }
  for (const [index, message] of messages.entries()) {
    if (kindOf(message) !== "object") {
      throw wrong(
        rec,
        `field "messages[${index}]" is ${kindOf(message)}, expected {role, content}`,
      );
    }
    if (!ROLES.includes(message.role)) {
      const field = `messages[${index}].role`;
      throw wrong(
        rec,
        `field "${field}" is ${shown(message.role)}, expected ${ROLES.join(", ")}`,
      );
    }
    if (typeof message.content !== "string") {
      const field = `messages[${index}].content`;
      throw wrong(rec, `field "${field}" is ${kindOf(message.content)}, expected a string`);
    }
  }
  return { messages };
}

/** A string field that a stage needs. */
export function stringOf(rec: Rec, name: string): string {
  const value = rec.get(name);
  if (typeof value !== "string") {
    throw wrong(rec, `field "${name}" is ${kindOf(value)}, expected a string`);
  }
  return value;
}

/** A refusal that names the record. */
export function wrong(rec: Rec, problem: string): Refusal {
  return new Refusal(`Cannot use ${nameOf(rec)}: ${problem}`);
}

/** A record as messages name it: its id, and where it stands. */
export function nameOf(rec: Rec): string {
  if (!rec.has("id")) return `record ${rec.where}`;
  // Items of a benchmark stand nowhere but under their id.
  return rec.where === rec.id
    ? `record ${shown(rec.id)}`
    : `record ${shown(rec.id)} (${rec.where})`;
}

/** JSON of a value of ours; what JSON cannot hold is an error, never null. */
export function toJson(value: unknown): string {
  checkNumbers(value, "value");
  return JSON.stringify(value);
}

/** A field that stands twice, or a decode option; refuses where a guess would do harm. */
function repeatedField(rec: Rec): string | undefined {
  const seen = new Set<string>();
  let repeated: string | undefined;
  for (const { name, from, to } of topLevel(rec.line)) {
    if (seen.has(name)) {
      if (UNIQUE.has(name)) throw wrong(rec, `field "${name}" stands twice, expected once`);
      repeated ??= name;
    }
    seen.add(name);
    if (name !== "decode" || kindOf(rec.get(name)) !== "object") continue;
    const options = new Set<string>();
    for (const option of topLevel(rec.line.slice(rec.line.indexOf("{", from), to))) {
      if (options.has(option.name)) repeated ??= `decode.${option.name}`;
      options.add(option.name);
    }
  }
  return repeated;
}

/** The line without some fields. */
function without(line: string, replaced: { has(name: string): boolean }): string {
  const kept = [...topLevel(line)].filter(({ name }) => !replaced.has(name));
  return `{${kept.map(({ from, to }) => line.slice(from, to).trim()).join(",")}}`;
}

/** JSON.stringify writes NaN and Infinity as null and -0 as 0: never let one out. */
function checkNumbers(value: unknown, name: string): void {
  if (typeof value === "number") {
    if (!Number.isFinite(value) || Object.is(value, -0)) {
      throw new TypeError(`Cannot write field "${name}": ${value} has no JSON form`);
    }
  } else if (value !== null && typeof value === "object") {
    for (const [key, inner] of Object.entries(value)) checkNumbers(inner, `${name}.${key}`);
  }
}
