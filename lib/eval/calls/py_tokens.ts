/** Python source to tokens, as CPython's tokenizer splits one expression or a few simple statements. */
import { PyBytes, PyComplex, PyError, type PyValue } from "./py_value.ts";

/** One token, with where it stands in the source. */
export interface Token {
  readonly type: "name" | "op" | "value" | "fstring" | "newline" | "end";
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** Of a number or string. */
  readonly value?: PyValue;
}

/** Deepest nesting of brackets that CPython reads. */
const MAX_BRACKETS = 200;
/** Digits of an int that CPython converts. */
const MAX_DIGITS = 4300;

const NAME = /[\p{XID_Start}_][\p{XID_Continue}]*/uy;
const NUMBER =
  /(?:0[xX](?:_?[\da-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|(?:\d(?:_?\d)*\.(?:\d(?:_?\d)*)?|\.\d(?:_?\d)*|\d(?:_?\d)*)(?:[eE][+-]?\d(?:_?\d)*)?[jJ]?)/y;
const STRING_START = /(?:[rR]?[bBfF]?|[bBfF][rR]|[uU])(?:"""|'''|"|')/y;
const OP = /\*\*=?|\/\/=?|>>=?|<<=?|!=|->|:=|\.\.\.|[-+*/%@&|^<>=]=?|[~()[\]{},:.;]/y;
const CLOSERS: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };

/** Splits source into tokens; a PyError of kind SyntaxError where CPython raises one. */
export function tokenizePython(source: string): Token[] {
  const tokens: Token[] = [];
  const open: string[] = [];
  if (source.includes("\0")) throw syntax("source code string cannot contain null bytes");
  for (let at = skip(source, 0);;) {
    if (at >= source.length) break;
    const token = tokenAt(source, at);
    if (token.type === "op") brackets(token.text, open);
    const lineEnd = token.type === "newline";
    if (!lineEnd || open.length === 0) tokens.push(token);
    at = skip(source, token.end);
    // An indented line after a line break is an error outside of brackets, unless it is blank.
    if (lineEnd && open.length === 0 && at > token.end && !/[\r\n]/.test(source[at] ?? "\n")) {
      throw syntax("unexpected indent");
    }
  }
  if (/^[ \t\f]/.test(source) && tokens.some(({ type }) => type !== "newline")) {
    throw syntax("unexpected indent");
  }
  if (open.length > 0) throw syntax(`'${open.at(-1)}' was never closed`);
  tokens.push({ type: "end", text: "", start: source.length, end: source.length });
  return tokens;
}

/** A syntax error. */
export function syntax(message: string): PyError {
  return new PyError("SyntaxError", `${message} (<string>, line 1)`);
}

/** Blanks, joined lines and comments are skipped. */
function skip(source: string, from: number): number {
  let at = from;
  for (;;) {
    const c = source[at];
    if (c === " " || c === "\t" || c === "\f") at++;
    else if (c === "#") {
      const end = source.indexOf("\n", at);
      at = end < 0 ? source.length : end;
    } else if (c === "\\" && source[at + 1] === "\n") at += 2;
    else if (c === "\\" && source.startsWith("\r\n", at + 1)) at += 3;
    else return at;
  }
}

function brackets(op: string, open: string[]): void {
  if (op in CLOSERS) {
    open.push(op);
    if (open.length > MAX_BRACKETS) throw syntax("too many nested parentheses");
  } else if (op === ")" || op === "]" || op === "}") {
    const opener = open.pop();
    if (opener === undefined) throw syntax(`unmatched '${op}'`);
    if (CLOSERS[opener] !== op) {
      throw syntax(`closing parenthesis '${op}' does not match opening parenthesis '${opener}'`);
    }
  }
}

function match(pattern: RegExp, source: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(source)?.[0];
}

function tokenAt(source: string, start: number): Token {
  const plain = (type: Token["type"], text: string): Token => ({
    type,
    text,
    start,
    end: start + text.length,
  });
  if (source[start] === "\n" || source[start] === "\r") {
    return plain("newline", source.startsWith("\r\n", start) ? "\r\n" : source[start]);
  }
  const quote = match(STRING_START, source, start);
  if (quote !== undefined) return stringAt(source, start, quote);
  const name = match(NAME, source, start);
  if (name !== undefined) return { ...plain("name", name), text: name.normalize("NFKC") };
  const number = match(NUMBER, source, start);
  if (number !== undefined) {
    if (match(NAME, source, start + number.length) && !wordAt(source, start + number.length)) {
      throw syntax("invalid decimal literal");
    }
    return { ...plain("value", number), value: numberValue(number) };
  }
  const op = match(OP, source, start);
  if (op === undefined) throw syntax("invalid syntax");
  return plain("op", op);
}

/** Keywords may follow a number without a blank. */
function wordAt(source: string, at: number): boolean {
  return ["and", "else", "for", "if", "in", "is", "not", "or"].includes(
    match(NAME, source, at) ?? "",
  );
}

function numberValue(text: string): PyValue {
  const digits = text.replaceAll("_", "");
  if (/^0[xXoObB]/.test(digits)) return BigInt(digits.toLowerCase());
  if (/[jJ]$/.test(digits)) return new PyComplex(Number(digits.slice(0, -1)));
  if (/[.eE]/.test(digits)) return Number(digits);
  if (/^0+[1-9]/.test(digits)) {
    throw syntax("leading zeros in decimal integer literals are not permitted");
  }
  if (digits.length > MAX_DIGITS) throw syntax("Exceeds the limit for integer string conversion");
  return BigInt(digits);
}

function stringAt(source: string, start: number, opening: string): Token {
  const prefix = opening.replace(/['"]+$/, "").toLowerCase();
  const quote = opening.slice(prefix.length);
  const bodyStart = start + opening.length;
  const bodyEnd = closingQuote(source, bodyStart, quote);
  const end = bodyEnd + quote.length;
  const text = source.slice(start, end);
  const body = source.slice(bodyStart, bodyEnd).replace(/\r\n?/g, "\n");
  if (prefix.includes("f")) return { type: "fstring", text, start, end };
  const bytes = prefix.includes("b");
  if (bytes && /[^\0-\x7f]/.test(body)) {
    throw syntax("bytes can only contain ASCII literal characters");
  }
  const plain = prefix.includes("r") ? body : unescapePython(body, bytes);
  return { type: "value", text, start, end, value: bytes ? new PyBytes(plain) : plain };
}

function closingQuote(source: string, from: number, quote: string): number {
  for (let i = from; i < source.length; i++) {
    if (source[i] === "\\") i++;
    else if (source.startsWith(quote, i)) return i;
    else if (quote.length === 1 && source[i] === "\n") break;
  }
  throw syntax(
    quote.length === 1
      ? "unterminated string literal"
      : "unterminated triple-quoted string literal",
  );
}

const SIMPLE: Readonly<Record<string, string>> = {
  "\n": "",
  "\\": "\\",
  "'": "'",
  '"': '"',
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

function unescapePython(body: string, bytes: boolean): string {
  return body.replace(
    /\\(?:([0-7]{1,3})|x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|(N\{[^}]*\})|([^]))/g,
    (all, octal, hex2, hex4, hex8, named, other) => {
      if (octal) return String.fromCharCode(parseInt(octal, 8) & (bytes ? 255 : 511));
      if (hex2) return String.fromCharCode(parseInt(hex2, 16));
      if (bytes && other !== "x") return SIMPLE[other] ?? all;
      const long = hex4 ?? hex8;
      if (long && parseInt(long, 16) <= 0x10ffff) return String.fromCodePoint(parseInt(long, 16));
      // Names of characters (\N{...}) need Unicode's table of names and are refused.
      if (long || named || "xuUN".includes(other)) throw syntax("unicode error in string literal");
      return SIMPLE[other] ?? all;
    },
  );
}
