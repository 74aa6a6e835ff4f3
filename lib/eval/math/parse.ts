/** LaTeX scalar expressions to trees: recursive descent, one pass, bounded depth. */
import { add, div, type Expr, fn, HALF, int, mul, neg, pow, symbols } from "./expr.ts";
import {
  CLOSING,
  COMMANDS,
  FUNCTIONS,
  GREEK,
  GROUP_FUNCTIONS,
  INVERSE,
  JOINS,
  LEXED,
  RELATIONS,
  SYMPY_COMMANDS,
  tokenize,
} from "./latex_tokens.ts";
import { fromDecimal } from "./rational.ts";

/** How a reader differs from the plain one. */
export interface Dialect {
  /** Read as much as makes sense and leave the rest, as sympy's `parse_latex` does. */
  readonly prefix?: boolean;
  /** `e`, `i` and `\pi` are plain symbols. */
  readonly plainSymbols?: boolean;
  /** `1\frac12` is one and a half. */
  readonly mixed?: boolean;
  /** A side-by-side product binds tighter than `/`: `1/2x` is 1/(2x). */
  readonly tight?: boolean;
  /** Letters applied to a bracket are functions: f g h, all, or all of a single atom or several arguments. */
  readonly apply?: "fgh" | "all" | "atoms";
  /** `\log` without a base has base ten. */
  readonly commonLog?: boolean;
  /** Grammar of sympy's reader: arguments in braces, whole numbers as scripts, unknown commands as symbols. */
  readonly grammar?: "sympy";
}

/** Thrown inside the reader for text it cannot read; never leaves this module. */
class Unreadable extends Error {}
/** The same for a token that no reading gets past. */
class Unlexed extends Unreadable {}

const MAX_DEPTH = 120;
/** Longest number read; longer ones are not answers. */
const MAX_DIGITS = 20_000;

/** The expression in `text`, or undefined; with `prefix`, of its readable start. */
export function parse(text: string, dialect: Dialect = {}): Expr | undefined {
  try {
    const reader = Reader.of(text, dialect);
    const expr = reader.sum();
    return reader.done() ? expr : undefined;
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    throw error;
  }
}

/** What a sum or an equation in a readable start comes to, for `prefix` readers. */
export function parseRelation(
  text: string,
  dialect: Dialect,
): { sides: Expr[]; relations: string[] } | undefined {
  try {
    const reader = Reader.of(text, dialect);
    const sides = [reader.sum()];
    const relations: string[] = [];
    for (let r = reader.relation(); r !== undefined; r = reader.relation()) {
      relations.push(r);
      sides.push(reader.sum());
    }
    return reader.done() ? { sides, relations } : undefined;
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    throw error;
  }
}

class Reader {
  #at = 0;
  #depth = 0;
  /** Closing bars that end the group being read, innermost last. */
  readonly #bars: string[] = [];

  private constructor(private readonly tokens: string[], private readonly dialect: Dialect) {}

  static of(text: string, dialect: Dialect): Reader {
    const tokens = tokenize(text, dialect.grammar === "sympy");
    if (!tokens) throw new Unreadable();
    return new Reader(tokens, dialect);
  }

  /** Whether what is left may be left: nothing, or anything that sympy's lexer knows. */
  done(): boolean {
    return this.#peek() === "" || this.dialect.prefix === true;
  }

  relation(): string | undefined {
    const token = this.#peek();
    if (!RELATIONS.test(token)) return undefined;
    this.#at++;
    return token;
  }

  sum(): Expr {
    let left = this.#product();
    for (;;) {
      const sign = this.#peek();
      if (sign !== "+" && sign !== "-") return left;
      const right = this.#try(() => {
        this.#at++;
        return this.#product();
      });
      if (!right) return left;
      left = add(left, sign === "-" ? neg(right) : right);
    }
  }

  /** What `read` reads; a reader of starts stops before it where it cannot be read. */
  #try(read: () => Expr): Expr | undefined {
    if (!this.dialect.prefix) return read();
    const [at, depth, bars] = [this.#at, this.#depth, this.#bars.length];
    try {
      return read();
    } catch (error) {
      if (!(error instanceof Unreadable) || error instanceof Unlexed) throw error;
      this.#at = at;
      this.#depth = depth;
      this.#bars.length = bars;
      return undefined;
    }
  }

  #product(): Expr {
    let left = this.#factor();
    for (;;) {
      const join = JOINS[this.#peek()];
      const next = join
        ? this.#try(() => {
          this.#at++;
          return this.#factor();
        })
        : !this.dialect.tight && this.#startsFactor(this.#peek())
        ? this.#power()
        : undefined;
      if (!next) return left;
      left = (join ?? mul)(left, next);
    }
  }

  #factor(): Expr {
    if (!this.dialect.tight) return this.#unary();
    const factors = [this.#unary()];
    while (this.#startsFactor(this.#peek())) {
      const next = this.#try(() => this.#power());
      if (!next) break;
      factors.push(next);
    }
    // Between two numbers sympy takes an x for a multiplication sign.
    const sign = (e: Expr, i: number) =>
      this.#sympy && i > 0 && i < factors.length - 1 && e.kind === "sym" && e.name === "x" &&
      symbols(factors[i - 1]!, factors[i + 1]!).length === 0;
    return factors.filter((e, i) => !sign(e, i)).reduce(mul);
  }

  #unary(): Expr {
    let negative = false;
    for (; this.#peek() === "+" || this.#peek() === "-"; this.#at++) {
      if (this.#peek() === "-") negative = !negative;
    }
    if (!negative) return this.#power();
    // In a tight dialect the sign governs the whole side-by-side product; the value is the same.
    return neg(this.#power());
  }

  #power(): Expr {
    let base = this.#postfix(this.#primary());
    for (let i = 0; this.#peek() === "^"; i++) {
      // A tower without braces is a mistake, which sympy reads from the left.
      if (i > 0 && !this.#sympy) throw new Unreadable();
      const raised = this.#try(() => {
        this.#at++;
        const power = pow(base, this.#script());
        if (this.#sympy && this.#take("_")) this.#scriptText(); // an index after an exponent says nothing
        return this.#postfix(power);
      });
      if (!raised) return base;
      base = raised;
    }
    return base;
  }

  /** Factorials, primes and an index that belongs to no symbol. */
  #postfix(base: Expr): Expr {
    for (;;) {
      if (this.#take("!")) {
        base = fn(!this.#sympy && this.#take("!") ? "factorial2" : "factorial", base);
      } else if (this.#peek() === "_" && !this.#sympy) {
        this.#at++;
        this.#scriptText();
      } else return base;
    }
  }

  /** What follows `^` or a command without braces: a braced sum or one token. */
  #script(): Expr {
    if (this.#peek() === "{") return this.#primary();
    if (this.#sympy) {
      if (/^[([|-]/.test(this.#peek())) throw new Unreadable();
      return this.#primary();
    }
    return this.#take("-") ? neg(this.#single()) : this.#single();
  }

  /** One token as an argument; of a number its first digit alone, the rest stays. */
  #single(): Expr {
    const token = this.#peek();
    if (/^\d/.test(token) && token.length > 1) {
      this.tokens[this.#at] = token.slice(1);
      return int(Number(token[0]));
    }
    return this.#primary();
  }

  #startsFactor(token: string): boolean {
    if (this.#bars.at(-1) === token) return false;
    return /^(?:\.?\d|[A-Za-z])/.test(token) || token in CLOSING || token in FUNCTIONS ||
      GREEK.test(token) || COMMANDS.has(token) || this.#unknownCommand(token);
  }

  /** Every way deeper into a tree goes through here. */
  #primary(): Expr {
    if (++this.#depth > MAX_DEPTH) throw new Unreadable();
    const expr = this.#atom();
    this.#depth--;
    return expr;
  }

  #atom(): Expr {
    const token = this.#peek();
    if (/^\.?\d/.test(token)) return this.#number();
    if (token in CLOSING && this.#bars.at(-1) !== token) return this.#group(token);
    if (token in FUNCTIONS) return this.#function(FUNCTIONS[token]!);
    if (/^[A-Za-z]$/.test(token) || GREEK.test(token) || this.#unknownCommand(token)) {
      return this.#symbol();
    }
    if (COMMANDS.has(token)) return this.#command();
    throw new Unreadable();
  }

  /** sympy reads commands that it does not know as symbols. */
  #unknownCommand(token: string): boolean {
    return this.#sympy && /^\\[A-Za-z]/.test(token) && !SYMPY_COMMANDS.has(token) &&
      !(token in FUNCTIONS) && !RELATIONS.test(token) && !(token in CLOSING) &&
      !Object.values(CLOSING).includes(token);
  }

  get #sympy(): boolean {
    return this.dialect.grammar === "sympy";
  }

  #number(): Expr {
    const token = this.#next();
    if (token.length > MAX_DIGITS) throw new Unreadable();
    // A point after digits must have digits after it.
    if (this.#sympy && this.#peek() === ".") throw new Unlexed();
    const digits = token.replaceAll(",", "");
    const value: Expr = {
      kind: "num",
      value: fromDecimal(digits),
      ...(digits.includes(".") ? { decimal: true } : {}),
    };
    if (this.dialect.mixed && !digits.includes(".") && this.#peek() === "\\frac") {
      return this.#mixed(value);
    }
    return value;
  }

  /** Whole number before a proper fraction of digits: their sum; else the number alone. */
  #mixed(whole: Expr): Expr {
    const rest = this.tokens.slice(this.#at, this.#at + 7).join(" ");
    const m = /^\\frac (?:\{ (\d+) \} \{ (\d+) \}|(\d)(\d)(?= |$))/.exec(rest);
    if (!m) return whole;
    const [n, d] = m[1] ? [m[1], m[2]!] : [m[3]!, m[4]!];
    if (BigInt(n) >= BigInt(d)) return whole;
    this.#at += m[1] ? 7 : 2;
    return add(whole, div(int(BigInt(n)), int(BigInt(d))));
  }

  #group(open: string): Expr {
    this.#at++;
    const close = CLOSING[open]!;
    this.#bars.push(close);
    const inside = this.sum();
    this.#bars.pop();
    if (!this.#take(close)) throw new Unreadable();
    const name = GROUP_FUNCTIONS[open];
    return name ? fn(name, inside) : inside;
  }

  #function(name: string): Expr {
    this.#at++;
    let base: Expr | undefined;
    let exponent: Expr | undefined;
    for (let i = 0; i < 2; i++) {
      if (!base && this.#take("_")) base = this.#script();
      else if (!exponent && this.#take("^")) exponent = this.#script();
    }
    const args = this.#arguments();
    if (exponent?.kind === "num" && exponent.value.n === -1n && INVERSE.test(name)) {
      return fn(`arc${name}`, ...args);
    }
    if (name === "log" && this.dialect.commonLog) base ??= int(10);
    const value = name === "log" && base
      ? div(fn("ln", args[0]!), fn("ln", base))
      : fn(name === "log" ? "ln" : name, ...args);
    return exponent ? pow(value, exponent) : value;
  }

  /** A bracket's parts, else the side-by-side factors up to the next function. */
  #arguments(): Expr[] {
    const open = this.#peek();
    if (open === "(" || open === "[" || open === "{") return this.#bracketed(open);
    let argument = this.#unary();
    while (this.#startsFactor(this.#peek()) && !(this.#peek() in FUNCTIONS)) {
      argument = mul(argument, this.#power());
    }
    while (this.#sympy && ["*", "\\cdot", "\\times", "/", "\\div"].includes(this.#peek())) {
      argument = JOINS[this.#next()]!(argument, this.#factor());
    }
    return [argument];
  }

  #bracketed(open: string): Expr[] {
    this.#at++;
    const close = CLOSING[open]!;
    if (open === "{" && this.#peek() === "(") {
      const inner = this.#bracketed("(");
      if (this.#take(close)) return inner;
      throw new Unreadable();
    }
    this.#bars.push(close);
    const args = [this.sum()];
    while (this.#take(",")) args.push(this.sum());
    this.#bars.pop();
    if (!this.#take(close)) throw new Unreadable();
    return this.#sympy && open !== "(" ? args.slice(0, 1) : args;
  }

  #symbol(): Expr {
    let name = this.#next().replace(/^\\/, "");
    for (let i = 0; i < 2; i++) {
      if (this.#take("_")) name += `_${this.#scriptText()}`;
      while (this.#take("'")) name += "'";
      if (this.#peek() === "^" && this.tokens[this.#at + 1] === "\\prime") {
        this.#at += 2;
        name += "'";
      }
    }
    const { apply = "fgh", plainSymbols } = this.dialect;
    const applied = apply === "all" || (apply === "fgh" && /^[fgh]\b/.test(name)) ||
      (apply === "atoms" && this.#argumentsAhead());
    if (applied && this.#peek() === "(") return fn(`${name}()`, ...this.#bracketed("("));
    if (applied && !this.#sympy && this.#peek() === "{" && this.tokens[this.#at + 1] === "(") {
      return fn(`${name}()`, ...this.#bracketed("{"));
    }
    if (!plainSymbols && (name === "e" || name === "pi" || name === "i")) return fn(name);
    return { kind: "sym", name };
  }

  /** Whether a bracket of one atom or of several arguments follows. */
  #argumentsAhead(): boolean {
    const close = this.tokens.indexOf(")", this.#at);
    if (this.#peek() !== "(" || close < 0) return false;
    const inside = this.tokens.slice(this.#at + 1, close).join(" ");
    return inside.includes(",") ||
      /^(?:[\d.]+|\\?[A-Za-z]+(?: _ (?:\w|\{ [^{}]* \}))?)$/.test(inside);
  }

  /** An index as text. */
  #scriptText(): string {
    if (!this.#take("{")) {
      const token = this.#peek();
      if (/^\d./.test(token)) {
        this.tokens[this.#at] = token.slice(1);
        return token[0]!;
      }
      if (token === "" || token in CLOSING) throw new Unreadable();
      return this.#next();
    }
    let text = "";
    for (let depth = 1;;) {
      const token = this.#next();
      if (token === "{") depth++;
      if (token === "}" && --depth === 0) return text;
      if (!/^(?:[{}]|\\(?:text|mathrm|rm))$/.test(token)) text += token;
    }
  }

  #command(): Expr {
    const command = this.#next();
    switch (command) {
      case "\\frac": {
        const top = this.#argument();
        return div(top, this.#argument());
      }
      case "\\binom": {
        const top = this.#argument();
        return fn("binom", top, this.#argument());
      }
      case "\\sqrt":
        return this.#sqrt();
      case "\\operatorname":
        return this.#named();
      default: // bars and hats are part of a symbol's name
        return this.#accented(command);
    }
  }

  #argument(): Expr {
    if (this.#sympy && !/^[{\d]/.test(this.#peek())) throw new Unreadable();
    return this.#peek() === "{" ? this.#primary() : this.#single();
  }

  #sqrt(): Expr {
    let index: Expr | undefined;
    if (this.#take("[")) {
      this.#bars.push("]");
      index = this.sum();
      this.#bars.pop();
      if (!this.#take("]")) throw new Unreadable();
    }
    if (this.#sympy && this.#peek() !== "{") throw new Unreadable();
    const inside = this.#argument();
    return pow(inside, index ? div(int(1), index) : HALF);
  }

  #named(): Expr {
    if (!this.#take("{")) throw new Unreadable();
    let name = "";
    while (/^[A-Za-z]$/.test(this.#peek())) name += this.#next();
    if (!this.#take("}")) throw new Unreadable();
    const known = FUNCTIONS[`\\${name}`];
    this.#at--;
    if (known) return this.#function(known);
    this.#at++;
    return { kind: "sym", name };
  }

  #accented(command: string): Expr {
    if (!this.#take("{")) throw new Unreadable();
    let name = command;
    for (let depth = 1; depth > 0;) {
      const token = this.#next();
      if (token === "{") depth++;
      if (token === "}") depth--;
      if (depth > 0) name += token;
    }
    if (this.#take("_")) name += `_${this.#scriptText()}`;
    return { kind: "sym", name };
  }

  #peek(): string {
    const token = this.tokens[this.#at] ?? "";
    if (this.#sympy && token !== "" && !LEXED.test(token)) throw new Unlexed();
    return token;
  }

  #next(): string {
    const token = this.tokens[this.#at++];
    if (token === undefined) throw new Unreadable();
    return token;
  }

  #take(token: string): boolean {
    if (this.tokens[this.#at] !== token) return false;
    this.#at++;
    return true;
  }
}
