/** LaTeX scalar expressions to trees: recursive descent, one pass, bounded depth. */
import { add, div, type Expr, fn, HALF, int, mul, neg, pow } from "./expr.ts";
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
  /** Letters applied to a bracket are functions: none of them, f g h, or all. */
  readonly apply?: "none" | "fgh" | "all";
  /** Groups of three digits after commas belong to a number. */
  readonly thousands?: boolean;
  /** `\frac` and `\sqrt` take braces alone; other shorthand is unreadable. */
  readonly strict?: boolean;
}

/** Thrown inside the reader for text it cannot read; never leaves this module. */
class Unreadable extends Error {}

const MAX_TOKENS = 8192;
const MAX_DEPTH = 120;
/** Longest number read; longer ones are not answers. */
const MAX_DIGITS = 20_000;

/** The expression in `text`, or undefined; with `prefix`, of its readable start. */
export function parse(text: string, dialect: Dialect = {}): Expr | undefined {
  try {
    const reader = new Reader(tokenize(text, dialect), dialect);
    const expr = reader.sum();
    return dialect.prefix || reader.done() ? expr : undefined;
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
    const reader = new Reader(tokenize(text, dialect), dialect);
    const sides = [reader.sum()];
    const relations: string[] = [];
    for (let r = reader.relation(); r !== undefined; r = reader.relation()) {
      relations.push(r);
      sides.push(reader.sum());
    }
    return dialect.prefix || reader.done() ? { sides, relations } : undefined;
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    throw error;
  }
}

const SPACE = /^(?:\\[,;:!> ]|\\q?quad|\\(?:thin|med|thick)space|~|\s)$/;

function tokenize(text: string, { thousands = false }: Dialect): string[] {
  const number = thousands ? /\d+(?:,\d{3}(?!\d))*(?:\.\d+)?|\.\d+/y : /\d+(?:\.\d+)?|\.\d+/y;
  const other = /\\[A-Za-z]+|\\.|[^]/uy;
  const tokens: string[] = [];
  for (let i = 0; i < text.length;) {
    number.lastIndex = other.lastIndex = i;
    const token = number.exec(text)?.[0] ?? other.exec(text)![0];
    i += token.length;
    if (!SPACE.test(token)) tokens.push(token);
    if (tokens.length > MAX_TOKENS) throw new Unreadable();
  }
  return tokens;
}

const CLOSING: Record<string, string> = {
  "(": ")",
  "[": "]",
  "{": "}",
  "\\{": "\\}",
  "\\lbrace": "\\rbrace",
  "|": "|",
  "\\lvert": "\\rvert",
  "\\vert": "\\vert",
  "\\lfloor": "\\rfloor",
  "\\lceil": "\\rceil",
  "\\langle": "\\rangle",
};
const GROUP_FUNCTIONS: Record<string, string> = {
  "|": "abs",
  "\\lvert": "abs",
  "\\vert": "abs",
  "\\lfloor": "floor",
  "\\lceil": "ceil",
};

/** Functions written as commands; values are the names the evaluator knows. */
const FUNCTIONS: Record<string, string> = {
  ...Object.fromEntries(
    ("sin cos tan cot sec csc sinh cosh tanh coth sech csch ln log lg exp " +
      "arcsin arccos arctan arccot arcsec arccsc arcsinh arccosh arctanh " +
      "max min gcd lcm floor ceil").split(" ").map((name) => [`\\${name}`, name]),
  ),
  "\\arsinh": "arcsinh",
  "\\arcosh": "arccosh",
  "\\artanh": "arctanh",
  "\\Gamma": "gamma",
};
/** Other commands that start a factor. */
const COMMANDS = new Set(
  ("\\frac \\binom \\sqrt \\operatorname \\overline \\bar \\hat \\vec \\tilde \\mathbb \\mathcal " +
    "\\dot \\ddot \\boldsymbol \\overrightarrow \\text \\mathrm \\mathbf").split(" "),
);
const INVERSE = /^(?:sin|cos|tan|cot|sec|csc|sinh|cosh|tanh)$/;
const RELATIONS = /^(?:[=<>]|\\(?:leqslant|geqslant|leq?|geq?|lt|gt|neq?|approx|sim|simeq|equiv))$/;
const GREEK =
  /^\\(?:var)?(?:alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|omicron|pi|rho|sigma|tau|upsilon|phi|chi|psi|omega|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Upsilon|Phi|Psi|Omega|hbar|ell|infty|prime|partial|imath|jmath|nabla|triangle|angle|odot|emptyset)$/;

class Reader {
  #at = 0;
  #depth = 0;
  /** Closing bars that end the group being read, innermost last. */
  readonly #bars: string[] = [];

  constructor(private readonly tokens: string[], private readonly dialect: Dialect) {}

  done(): boolean {
    return this.#at >= this.tokens.length;
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
      if (sign !== "+" && sign !== "-") break;
      this.#at++;
      const right = this.#product();
      left = add(left, sign === "-" ? neg(right) : right);
    }
    return left;
  }

  #product(): Expr {
    let left = this.dialect.tight ? this.#juxtaposed() : this.#unary();
    for (;;) {
      const op = this.#peek();
      if (["*", "\\cdot", "\\times", "\\ast", "⋅"].includes(op)) {
        this.#at++;
        left = mul(left, this.dialect.tight ? this.#juxtaposed() : this.#unary());
      } else if (["/", "\\div", ":"].includes(op)) {
        this.#at++;
        left = div(left, this.dialect.tight ? this.#juxtaposed() : this.#unary());
      } else if (op === "\\bmod" || op === "\\mod") {
        this.#at++;
        left = fn("mod", left, this.#unary());
      } else if (!this.dialect.tight && this.#startsFactor(op)) {
        left = mul(left, this.#power());
      } else return left;
    }
  }

  #juxtaposed(): Expr {
    let left = this.#unary();
    while (this.#startsFactor(this.#peek())) left = mul(left, this.#power());
    return left;
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
    if (this.#take("^")) base = this.#postfix(pow(base, this.#script()));
    if (this.#peek() === "^") throw new Unreadable();
    return base;
  }

  /** Factorials, primes and an index that belongs to no symbol. */
  #postfix(base: Expr): Expr {
    for (;;) {
      if (this.#take("!")) base = fn(this.#take("!") ? "factorial2" : "factorial", base);
      else if (this.#peek() === "_" && !this.dialect.strict) {
        this.#at++;
        this.#scriptText();
      } else return base;
    }
  }

  /** What follows `^` or a command without braces: a braced sum or one token. */
  #script(): Expr {
    if (this.#peek() === "{") return this.#primary();
    if (!this.dialect.strict && this.#take("-")) return neg(this.#single());
    return this.#single();
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
    return /^[\dA-Za-z.]/.test(token) || token in CLOSING || token in FUNCTIONS ||
      GREEK.test(token) || COMMANDS.has(token);
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
    if (/^[\d.]/.test(token)) return this.#number();
    if (token in CLOSING && this.#bars.at(-1) !== token) return this.#group(token);
    if (token in FUNCTIONS) return this.#function(FUNCTIONS[token]!);
    if (/^[A-Za-z]$/.test(token) || GREEK.test(token)) return this.#symbol();
    if (COMMANDS.has(token)) return this.#command();
    throw new Unreadable();
  }

  #number(): Expr {
    const token = this.#next();
    if (token === "." || token.length > MAX_DIGITS) throw new Unreadable();
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
    return args;
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
    const applied = apply === "all" || (apply === "fgh" && /^[fgh]\b/.test(name));
    if (applied && this.#peek() === "(") return fn(`${name}()`, ...this.#bracketed("("));
    if (applied && this.#peek() === "{" && this.tokens[this.#at + 1] === "(") {
      return fn(`${name}()`, ...this.#bracketed("{"));
    }
    if (!plainSymbols && (name === "e" || name === "pi" || name === "i")) return fn(name);
    return { kind: "sym", name };
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
    if (this.dialect.strict && this.#peek() !== "{") throw new Unreadable();
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
    return this.tokens[this.#at] ?? "";
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
