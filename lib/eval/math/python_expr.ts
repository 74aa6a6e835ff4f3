/** Python arithmetic as sympy's `parse_expr` reads it with implicit multiplication and application. */
import { add, div, type Expr, fn, mul, neg, pow } from "./expr.ts";
import { fromDecimal, power, times } from "./rational.ts";

/** What names mean. */
export interface Names {
  /** Functions by their name in the text; values are the evaluator's names. */
  readonly functions: Readonly<Record<string, string>>;
  /** Constants and symbols; other names without `_` are products of their letters and numbers. */
  readonly values: Readonly<Record<string, Expr>>;
  /** `^` is a power; else it is unreadable. */
  readonly caret?: boolean;
}

class Unreadable extends Error {}

const INTEGRAL = "Integral";
const MAX_TOKENS = 8192;
const MAX_DEPTH = 120;
/** Longest name read as a product of its letters. */
const MAX_LETTERS = 100;

/** The expression in `text`, or undefined. */
export function parsePython(text: string, names: Names): Expr | undefined {
  try {
    const reader = new Reader(tokenize(text, names), names);
    const expr = reader.sum();
    return reader.done() ? expr : undefined;
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    throw error;
  }
}

function tokenize(text: string, names: Names): string[] {
  const token = /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[\p{L}_][\p{L}\p{N}_]*|\*\*|!!|[^\s]/uy;
  const tokens: string[] = [];
  for (let i = 0; i < text.length;) {
    token.lastIndex = i;
    const found = token.exec(text)?.[0];
    i += found?.length ?? 1;
    if (found === undefined) {
      // A factorial sign behind a blank is no token.
      if (text[i] === "!") throw new Unreadable();
      continue;
    }
    const split = parts(found, names);
    if (split.length > 1 && text[i] === "!") tokens.push("(", ...split, ")");
    else tokens.push(...split);
    if (tokens.length > MAX_TOKENS) throw new Unreadable();
  }
  return tokens;
}

/** A token as it is, or the letters and numbers of a name that is none, `xy2` as x, y and 2. */
function parts(token: string, { functions, values }: Names): readonly string[] {
  const whole = !/^\p{L}./u.test(token) || token.includes("_") || token === INTEGRAL ||
    Object.hasOwn(functions, token) || Object.hasOwn(values, token);
  if (whole) return [token];
  if (token.length > MAX_LETTERS) throw new Unreadable();
  return token.match(/\d+|[^]/gu)!;
}

class Reader {
  #at = 0;
  #depth = 0;

  constructor(private readonly tokens: readonly string[], private readonly names: Names) {}

  done(): boolean {
    return this.#at >= this.tokens.length;
  }

  sum(): Expr {
    let left = this.#product();
    for (;;) {
      if (this.#take("+")) left = add(left, this.#product());
      else if (this.#take("-")) left = add(left, neg(this.#product()));
      else return left;
    }
  }

  #product(): Expr {
    let left = this.#unary();
    for (;;) {
      if (this.#take("*")) left = mul(left, this.#unary());
      else if (this.#take("/")) left = div(left, this.#unary());
      else if (/^[\p{L}\p{N}_(.]/u.test(this.#peek())) left = mul(left, this.#power());
      else return left;
    }
  }

  #unary(): Expr {
    let negative = false;
    for (; this.#peek() === "-" || this.#peek() === "+"; this.#at++) {
      if (this.#peek() === "-") negative = !negative;
    }
    return negative ? neg(this.#power()) : this.#power();
  }

  #power(): Expr {
    if (++this.#depth > MAX_DEPTH) throw new Unreadable();
    let base = this.#atom();
    for (;;) {
      if (this.#take("!")) base = fn("factorial", base);
      else if (this.#take("!!")) base = fn("factorial2", base);
      else break;
    }
    if (this.#raised()) base = pow(base, this.#unary());
    this.#depth--;
    return base;
  }

  #raised(): boolean {
    return this.#take("**") || (this.names.caret === true && this.#take("^"));
  }

  #atom(): Expr {
    const token = this.tokens[this.#at++] ?? "";
    if (token === "(") {
      const inside = this.sum();
      if (!this.#take(")")) throw new Unreadable();
      return inside;
    }
    if (/^[\d.]/.test(token)) return number(token);
    if (/^[\p{L}_]/u.test(token)) return this.#name(token);
    throw new Unreadable();
  }

  #name(name: string): Expr {
    if (name === INTEGRAL) return this.#integral();
    const known = Object.hasOwn(this.names.functions, name)
      ? this.names.functions[name]
      : undefined;
    if (known !== undefined) return this.#applied(known);
    return Object.hasOwn(this.names.values, name)
      ? this.names.values[name]!
      : { kind: "sym", name };
  }

  /** Arguments of a function, after an exponent perhaps; without brackets the next factor, which has no sign. */
  #applied(name: string): Expr {
    // The power sign of functions is Python's own alone.
    if (this.#peek() === "^") throw new Unreadable();
    const raised = this.#raised();
    // A bracket after the power sign would be a value that is called.
    if (raised && this.#peek() === "(") throw new Unreadable();
    const exponent = raised ? this.#atom() : undefined;
    if (!this.#take("(")) {
      const value = fn(name, this.#power());
      return exponent ? pow(value, exponent) : value;
    }
    const args = [this.sum()];
    while (this.#take(",")) args.push(this.sum());
    if (!this.#take(")")) throw new Unreadable();
    const value = fn(name, ...args);
    return exponent ? pow(value, exponent) : value;
  }

  /** `Integral(body,(variable,low,high))`. */
  #integral(): Expr {
    if (!this.#take("(")) throw new Unreadable();
    const parts = [this.sum()];
    if (!this.#take(",") || !this.#take("(")) throw new Unreadable();
    const variable = this.#atom();
    if (variable.kind !== "sym") throw new Unreadable();
    parts.push(variable);
    while (this.#take(",")) parts.push(this.sum());
    if (!this.#take(")") || !this.#take(")") || parts.length !== 4) throw new Unreadable();
    return fn("integral", ...parts);
  }

  #peek(): string {
    return this.tokens[this.#at] ?? "";
  }

  #take(token: string): boolean {
    if (this.tokens[this.#at] !== token) return false;
    this.#at++;
    return true;
  }
}

function number(token: string): Expr {
  const [digits, exponent] = token.toLowerCase().split("e");
  // Python has no whole numbers that begin with a zero.
  if (digits === "." || /^0+[1-9]\d*$/.test(token) || digits!.length > 20_000) {
    throw new Unreadable();
  }
  const scale = exponent && power({ n: 10n, d: 1n }, { n: BigInt(exponent), d: 1n });
  if (exponent && !scale) throw new Unreadable();
  const value = scale ? times(fromDecimal(digits!), scale) : fromDecimal(digits!);
  if (!value) throw new Unreadable();
  return { kind: "num", value, ...(/[.e]/i.test(token) ? { decimal: true } : {}) };
}
