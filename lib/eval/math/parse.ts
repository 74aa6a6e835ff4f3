/** LaTeX scalar expressions to trees: recursive descent, one pass, bounded depth. */
import { add, div, type Expr, fn, HALF, int, mul, neg, PERCENT, pow, symbols } from "./expr.ts";
import {
  ACCENTS,
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
import { exact } from "./evaluate.ts";
import { fromDecimal, ratio } from "./rational.ts";

/** How a reader differs from the plain one. */
export interface Dialect {
  /** Read as much as makes sense and leave the rest, as sympy's `parse_latex` does. */
  readonly prefix?: boolean;
  /**
   * Grammar of sympy's reader or of latex2sympy2_extended's: a side-by-side product binds tighter than `/`,
   * scripts are whole numbers, arguments stand in braces.
   */
  readonly grammar?: "sympy" | "extended";
}

/** Thrown inside the reader for text it cannot read; never leaves this module. */
class Unreadable extends Error {}
/** The same for a token that no reading gets past. */
class Unlexed extends Unreadable {}

const MAX_DEPTH = 120;
/** Tokens looked at for the end of a bracket that may hold arguments. */
const MAX_ARGUMENTS = 100;
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
    const first = this.#product();
    const rest: Expr[] = [];
    for (;;) {
      const sign = this.#peek();
      if (sign !== "+" && sign !== "-") return add(first, ...rest);
      const term = this.#try(() => {
        this.#at++;
        return this.#product();
      });
      if (!term) return add(first, ...rest);
      rest.push(sign === "-" ? neg(term) : term);
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
    let first = this.#factor();
    let rest: Expr[] = [];
    for (;;) {
      const join = JOINS[this.#peek()];
      const next = join
        ? this.#try(() => {
          this.#at++;
          return this.#factor();
        })
        : !this.#strict && this.#startsFactor(this.#peek())
        ? this.#power()
        : undefined;
      if (!next) return mul(first, ...rest);
      if (join === undefined || join === mul) rest.push(next);
      else if (join !== div) [first, rest] = [join(mul(first, ...rest), next), []];
      else if (this.#extended && rest.length === 0 && first.kind === "num") {
        first = quotient(first, next);
      } else rest.push(pow(next, int(-1)));
    }
  }

  #factor(): Expr {
    if (!this.#strict) return this.#signed(() => this.#power());
    return this.#signed(() => this.#sideBySide(() => true));
  }

  #signed(read: () => Expr): Expr {
    let negative = false;
    for (; this.#peek() === "+" || this.#peek() === "-"; this.#at++) {
      if (this.#peek() === "-") negative = !negative;
    }
    return negative ? neg(read()) : read();
  }

  /** A product of factors side by side, those after the first as `more` wants them. */
  #sideBySide(more: (token: string) => boolean): Expr {
    const factors = [this.#power()];
    while (this.#startsFactor(this.#peek()) && more(this.#peek())) {
      const next = this.#try(() => this.#power());
      if (!next) break;
      factors.push(next);
    }
    const kept = this.#sympy ? factors.filter(isFactor) : this.#extended ? mixed(factors) : factors;
    return mul(kept[0]!, ...kept.slice(1));
  }

  #power(): Expr {
    // Where factorials come last, a power behind one is not read.
    let base = this.#extended ? this.#primary() : this.#postfix(this.#primary());
    for (let i = 0; this.#peek() === "^" && this.#degree() === 0; i++) {
      // A tower without braces is a mistake, which sympy reads from the left.
      if (i > 0 && !this.#strict) throw new Unreadable();
      const raised = this.#try(() => {
        this.#at++;
        const power = pow(base, this.#script());
        if (this.#sympy && this.#take("_")) this.#scriptText(); // an index after an exponent says nothing
        return this.#extended ? power : this.#postfix(power);
      });
      if (!raised) return base;
      base = raised;
    }
    return this.#extended ? this.#postfix(base) : base;
  }

  /** Tokens of a degree sign, which says nothing. */
  #degree(): number {
    if (!this.#extended || this.#peek() !== "^") return 0;
    const [exponent, sign] = this.tokens.slice(this.#at + 1, this.#at + 3);
    if (DEGREE.test(exponent ?? "")) return 2;
    return exponent === "{" && DEGREE.test(sign ?? "") ? 4 : 0;
  }

  /** Factorials, degree signs and an index that belongs to no symbol. */
  #postfix(base: Expr): Expr {
    for (;;) {
      const degree = this.#degree();
      if (degree > 0) this.#at += degree;
      else if (this.#take("!")) {
        base = fn(!this.#strict && this.#take("!") ? "factorial2" : "factorial", base);
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
    if (this.#extended) {
      const token = this.#peek();
      if (!/^\.?\d|^[A-Za-z]$/.test(token) && !GREEK.test(token) && !ACCENTS.has(token)) {
        throw new Unreadable();
      }
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

  get #extended(): boolean {
    return this.dialect.grammar === "extended";
  }

  get #strict(): boolean {
    return this.dialect.grammar !== undefined;
  }

  #number(): Expr {
    const token = this.#next();
    if (token.length > MAX_DIGITS) throw new Unreadable();
    // A point after digits must have digits after it.
    if (this.#sympy && this.#peek() === ".") throw new Unlexed();
    const digits = token.replaceAll(",", "");
    const value = {
      kind: "num",
      value: fromDecimal(digits),
      ...(digits.includes(".") ? { decimal: true } : {}),
    } as const;
    if (this.#extended && (this.#take("%") || this.#take("\\%"))) return mul(value, PERCENT);
    return !this.#strict && value.decimal !== true ? this.#mixed(value) : value;
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
    if (this.#extended && SEVERAL.test(name) && this.#peek() !== "(") throw new Unreadable();
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
    if (name === "log" && this.#extended) base ??= int(10);
    const value = name === "log" && base
      ? div(fn("ln", args[0]!), fn("ln", base))
      : fn(name === "log" ? "ln" : name, ...args);
    return exponent ? pow(value, exponent) : value;
  }

  /** A bracket's parts, else the side-by-side factors up to the next function. */
  #arguments(): Expr[] {
    const open = this.#peek();
    if (open === "(" || (!this.#extended && (open === "[" || open === "{"))) {
      return this.#bracketed(open);
    }
    const noFunction = (token: string) =>
      !(token in FUNCTIONS) && !(this.#extended && (token === "\\sqrt" || token === "e"));
    const argument = () => this.#signed(() => this.#sideBySide(noFunction));
    let product = argument();
    while (this.#strict && ARGUMENT_JOINS.includes(this.#peek())) {
      product = JOINS[this.#next()]!(product, this.#sympy ? this.#factor() : argument());
    }
    return [product];
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
    // A d before a letter is a differential.
    if (this.#extended && name === "d" && /^\\?[A-Za-z]/.test(this.#peek())) {
      return { kind: "sym", name: name + this.#next() };
    }
    for (let i = 0; i < 2; i++) {
      if (this.#take("_")) name += `_${this.#scriptText()}`;
      while (this.#take("'")) name += "'";
      if (this.#peek() === "^" && this.tokens[this.#at + 1] === "\\prime") {
        this.#at += 2;
        name += "'";
      }
    }
    const applied = this.#sympy ||
      (this.#extended ? this.#argumentsAhead() : /^[fgh]\b/.test(name));
    if (applied && this.#peek() === "(") return fn(`${name}()`, ...this.#bracketed("("));
    if (applied && !this.#sympy && this.#peek() === "{" && this.tokens[this.#at + 1] === "(") {
      return fn(`${name}()`, ...this.#bracketed("{"));
    }
    const constant = this.#sympy ? undefined : CONSTANTS[this.dialect.grammar ?? "plain"][name];
    return constant === undefined ? { kind: "sym", name } : fn(constant);
  }

  /** Whether a bracket of one atom or of several arguments follows. */
  #argumentsAhead(): boolean {
    const braced = this.#peek() === "{" && this.tokens[this.#at + 1] === "(";
    if (this.#peek() !== "(" && !braced) return false;
    const open = braced ? this.#at + 1 : this.#at;
    const ahead = this.tokens.slice(open + 1, open + MAX_ARGUMENTS);
    const close = ahead.indexOf(")");
    if (close < 0) return false;
    const inside = ahead.slice(0, close).join(" ");
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
      if (this.#extended && token in FUNCTIONS) throw new Unreadable();
      if (!/^(?:[{}]|\\(?:text|mathrm|rm))$/.test(token)) text += token;
    }
  }

  #command(): Expr {
    const command = this.#next();
    switch (command) {
      case "\\frac": {
        const top = this.#argument();
        return (this.#extended ? quotient : div)(top, this.#argument());
      }
      case "\\binom": {
        const binomial = fn("binom", this.#argument(), this.#argument());
        const value = this.#extended ? exact(binomial, { left: 200 }) : undefined;
        return value ? { kind: "num", value } : binomial;
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
    if (this.#strict && !(this.#extended ? /^\{/ : /^[{\d]/).test(this.#peek())) {
      throw new Unreadable();
    }
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
    if (this.#strict && this.#peek() !== "{") throw new Unreadable();
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
    if (this.#extended) throw new Unreadable();
    this.#at++;
    return { kind: "sym", name };
  }

  #accented(command: string): Expr {
    if (!this.#take("{")) throw new Unreadable();
    let inside = "";
    for (let depth = 1; depth > 0;) {
      const token = this.#next();
      if (token === "{") depth++;
      if (token === "}") depth--;
      if (depth > 0) inside += token;
    }
    let name = this.#extended ? accented(command, inside) : command + inside;
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

/** Constants by the names that stand for them. */
const CONSTANTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  plain: { e: "e", pi: "pi", i: "i" },
  extended: { e: "e", pi: "pi", I: "i" },
};

/** Functions of several arguments. */
const SEVERAL = /^(?:max|min|gcd|lcm)$/;
const DEGREE = /^(?:\\circ|\\degree|°)$/;
const ARGUMENT_JOINS = ["*", "\\cdot", "\\times", "/", "\\div"];

function whole(e: Expr): bigint | undefined {
  return e.kind === "num" && e.value.d === 1n && !e.decimal ? e.value.n : undefined;
}

/** Between two numbers sympy takes an x for a multiplication sign. */
function isFactor(e: Expr, i: number, factors: readonly Expr[]): boolean {
  return !(i > 0 && i < factors.length - 1 && e.kind === "sym" && e.name === "x" &&
    symbols(factors[i - 1]!, factors[i + 1]!).length === 0);
}

/** Whole numbers before a last factor that is a number are added to it: `2\frac12`, but also `2(3)`. */
function mixed(factors: readonly Expr[]): readonly Expr[] {
  const rest = [...factors];
  for (;;) {
    const [n, last] = [rest.at(-2), rest.at(-1)!];
    const n0 = n && whole(n);
    if (n0 === undefined || last.kind !== "num" || last.decimal || last.value.n <= 0n) return rest;
    const { n: top, d } = last.value;
    rest.splice(-2, 2, { kind: "num", value: ratio(n0 * d + top, d)! });
  }
}

/** a / b, one number where both are whole. */
function quotient(a: Expr, b: Expr): Expr {
  const [n, d] = [whole(a), whole(b)];
  const value = n !== undefined && d !== undefined ? ratio(n, d) : undefined;
  return value ? { kind: "num", value } : div(a, b);
}

/** Name of the symbol that an accent makes of its text; text commands make the text itself. */
function accented(command: string, text: string): string {
  if (/text|mbox/.test(command)) return text.replace(/[()]/g, "");
  const name = command.slice(1);
  const accent = name.startsWith("math") ? "math" : SAME_ACCENTS[name] ?? name;
  return `${accent}{${text}}`;
}

const SAME_ACCENTS: Readonly<Record<string, string>> = {
  overline: "bar",
  overrightarrow: "vec",
  widetilde: "tilde",
};
