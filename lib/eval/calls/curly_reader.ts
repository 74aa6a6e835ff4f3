/**
 * What the readers of Java and of JavaScript calls share: tokens, brackets, errors. Neither is a whole
 * grammar: they read calls and the expressions that arguments are made of, and refuse the rest.
 */
import { PyError } from "./py_value.ts";

/** One token. */
export interface CurlyToken {
  readonly type: "name" | "number" | "string" | "char" | "template" | "regex" | "op" | "end";
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** A line break stands before it. */
  readonly newLine: boolean;
}

/** Longest text and deepest nesting read. */
const MAX_TEXT = 20_000;
const MAX_DEPTH = 200;

const NAME = /[\p{L}_$][\p{L}\p{M}\p{N}_$]*/uy;
const NUMBER =
  /0[xX][\da-fA-F_]+[lLn]?|0[bB][01_]+[lLn]?|0[oO][0-7_]+n?|(?:\d[\d_]*\.[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?[fFdD]?|\d[\d_]*(?:[eE][+-]?\d+[fFdD]?|[lLfFdDn])?/y;
const STRING = /"(?:[^"\\]|\\[^])*"/y;
const CHAR = /'(?:[^'\\\n]|\\[^])*'/y;
const REGEX = /\/(?![*/])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
const OP =
  /\.\.\.|=>|->|::|\?\.|\?\?=?|\*\*=?|&&=?|\|\|=?|>>>=|>>=|>>>?|<<=?|[=!]==?|\+\+|--|[-+*/%&|^<>]=?|[~!?:=()[\]{},;.@#]/y;

const CLOSERS: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };

/** A syntax error. */
export function unreadable(what: string, at: number): PyError {
  return new PyError("SyntaxError", `${what} at character ${at}`);
}

/** Splits source into tokens and checks that brackets match. */
function tokenize(source: string, javascript: boolean): CurlyToken[] {
  if (source.length > MAX_TEXT) throw unreadable("text too long", MAX_TEXT);
  const tokens: CurlyToken[] = [];
  const open: string[] = [];
  for (let at = 0;;) {
    const start = afterBlanks(source, at);
    const newLine = source.slice(at, start).includes("\n");
    if (start >= source.length) {
      if (open.length > 0) throw unreadable(`no ${CLOSERS[open.at(-1)!]}`, start);
      return [...tokens, { type: "end", text: "", start, end: start, newLine }];
    }
    const [type, text] = tokenAt(source, start, { javascript, last: tokens.at(-1) });
    if (type === "op" && text in CLOSERS) open.push(text);
    else if (type === "op" && ")]}".includes(text) && CLOSERS[open.pop() ?? ""] !== text) {
      throw unreadable(`unmatched ${text}`, start);
    }
    if (open.length > MAX_DEPTH) throw unreadable("nested too deeply", start);
    at = start + text.length;
    tokens.push({ type, text, start, end: at, newLine });
  }
}

/** Where the blanks and comments that start at `from` end. */
function afterBlanks(source: string, from: number): number {
  let at = from;
  for (;;) {
    if (/\s/.test(source[at] ?? "")) at++;
    else if (source.startsWith("//", at)) at = before(source, "\n", at);
    else if (source.startsWith("/*", at)) at = before(source, "*/", at + 2) + 2;
    else return at;
  }
}

/** Index of the next occurrence of `text`, the end without one. */
function before(source: string, text: string, from: number): number {
  const found = source.indexOf(text, from);
  return found < 0 ? source.length : found;
}

function match(pattern: RegExp, source: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(source)?.[0] ?? "";
}

function tokenAt(
  source: string,
  at: number,
  { javascript, last }: { javascript: boolean; last?: CurlyToken },
): [CurlyToken["type"], string] {
  const kinds: [CurlyToken["type"], string][] = [
    ["name", match(NAME, source, at)],
    ["number", match(NUMBER, source, at)],
    ["string", match(STRING, source, at)],
    ["char", match(CHAR, source, at)],
  ];
  if (javascript && source[at] === "`") kinds.push(["template", template(source, at)]);
  if (javascript && source[at] === "/" && !endsOperand(last)) {
    kinds.push(["regex", match(REGEX, source, at)]);
  }
  const found = kinds.find(([, text]) => text !== "") ?? ["op", match(OP, source, at)] as const;
  if (found[1] === "") throw unreadable("no token", at);
  if (found[0] === "number" && match(NAME, source, at + found[1].length)) {
    throw unreadable("a number ends in letters", at);
  }
  if (javascript && found[0] === "string" && /[^\\]\n/.test(found[1])) {
    throw unreadable("line break in a string", at);
  }
  return [found[0], found[1]];
}

/** After an operand a slash divides. */
function endsOperand(token: CurlyToken | undefined): boolean {
  if (token === undefined) return false;
  return token.type !== "op" || [")", "]", "}"].includes(token.text);
}

/** A template literal, with what it embeds. */
function template(source: string, start: number): string {
  let depth = 0;
  for (let i = start + 1; i < source.length; i++) {
    if (source[i] === "\\") i++;
    else if (source.startsWith("${", i)) depth++;
    else if (source[i] === "}" && depth > 0) depth--;
    else if (source[i] === "`" && depth === 0) return source.slice(start, i + 1);
  }
  throw unreadable("no end of the template", start);
}

/** Walks over tokens; languages extend it. */
export abstract class CurlyReader {
  readonly #tokens: readonly CurlyToken[];
  #at = 0;
  #depth = 0;

  constructor(readonly source: string, { javascript }: { javascript: boolean }) {
    this.#tokens = tokenize(source, javascript);
  }

  protected get token(): CurlyToken {
    return this.#tokens[this.#at];
  }

  protected get ended(): boolean {
    return this.token.type === "end";
  }

  protected get position(): number {
    return this.#at;
  }

  protected peek(ahead: number): string {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)].text;
  }

  protected next(): CurlyToken {
    const token = this.token;
    if (!this.ended) this.#at++;
    return token;
  }

  protected is(...texts: string[]): boolean {
    const { type, text } = this.token;
    return (type === "op" || type === "name") && texts.includes(text);
  }

  protected accept(...texts: string[]): boolean {
    const found = this.is(...texts);
    if (found) this.#at++;
    return found;
  }

  protected expect(text: string): void {
    if (!this.accept(text)) throw unreadable(`expected ${text}`, this.token.start);
  }

  protected fail(): never {
    throw unreadable(`unexpected ${this.token.text || "end"}`, this.token.start);
  }

  /** Source from a token on, up to the token before the current one. */
  protected textFrom(position: number): string {
    return this.source.slice(this.#tokens[position].start, this.#tokens[this.#at - 1].end);
  }

  /** Tokens from a position on, without the blanks between them. */
  protected joinedFrom(position: number): string {
    return this.#tokens.slice(position, this.#at).map(({ text }) => text).join("");
  }

  /** Index of the token that closes the bracket at the current token. */
  protected closing(): number {
    let depth = 0;
    for (let i = this.#at;; i++) {
      const { type, text } = this.#tokens[i];
      if (type !== "op") continue;
      if (text in CLOSERS) depth++;
      else if (")]}".includes(text) && --depth === 0) return i;
    }
  }

  /** Skips a bracket with all that is in it. */
  protected skipBrackets(open: string): void {
    if (!this.is(open)) this.fail();
    this.#at = this.closing() + 1;
  }

  protected textAt(position: number): string {
    return this.#tokens[position].text;
  }

  protected nested<T>(read: () => T): T {
    if (++this.#depth > MAX_DEPTH) throw unreadable("nested too deeply", this.token.start);
    const result = read();
    this.#depth--;
    return result;
  }
}
