/** Arithmetic as Python evaluates it: numbers, brackets, + - * / // % ** and signs; nothing else. */

/** Deepest nesting of brackets, signs and powers. */
const MAX_DEPTH = 100;

/** Thrown for text that is no arithmetic; never leaves this module. */
class Unreadable extends Error {}

/** The value of a Python expression of numbers, undefined where Python would raise. */
export function arithmetic(text: string): number | undefined {
  // To `eval` leading blanks are no indentation.
  const source = text.replace(/^[ \t\n]+/, "").replace(/[ \t\n]+$/, "");
  if (/[^\d.+\-*/%() \t\n]/.test(source)) return undefined;
  try {
    const reader = new Reader(tokenize(source));
    const value = reader.sum();
    return reader.done && Number.isFinite(value) ? value : undefined;
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    throw error;
  }
}

/** Line breaks are tokens outside brackets alone. */
function tokenize(source: string): string[] {
  let depth = 0;
  return source.match(/\d+(?:\.\d*)?|\.\d+|\*\*|\/\/|[-+*/%().\n]/g)?.filter((token) => {
    depth += Number(token === "(") - Number(token === ")");
    return token !== "\n" || depth === 0;
  }) ?? [];
}

class Reader {
  #at = 0;
  #depth = 0;

  constructor(private readonly tokens: readonly string[]) {}

  get done(): boolean {
    return this.#at === this.tokens.length;
  }

  sum(): number {
    let value = this.#product();
    for (let op = this.#take("+", "-"); op; op = this.#take("+", "-")) {
      const right = this.#product();
      value = op === "+" ? value + right : value - right;
    }
    return value;
  }

  #product(): number {
    let value = this.#signed();
    for (let op = this.#take("*", "/", "//", "%"); op; op = this.#take("*", "/", "//", "%")) {
      const right = this.#signed();
      if (op !== "*" && right === 0) throw new Unreadable();
      if (op === "*") value *= right;
      else if (op === "/") value /= right;
      else if (op === "//") value = Math.floor(value / right);
      else value -= right * Math.floor(value / right);
    }
    return value;
  }

  /** A sign binds looser than the power behind it, and tighter than one before it. */
  #signed(): number {
    if (++this.#depth > MAX_DEPTH) throw new Unreadable();
    const sign = this.#take("+", "-");
    const value = sign ? this.#signed() : this.#power();
    this.#depth--;
    return sign === "-" ? -value : value;
  }

  #power(): number {
    const base = this.#atom();
    if (!this.#take("**")) return base;
    const exponent = this.#signed();
    if (base === 0 && exponent < 0) throw new Unreadable();
    return base ** exponent;
  }

  #atom(): number {
    if (this.#take("(")) {
      const value = this.sum();
      if (!this.#take(")")) throw new Unreadable();
      return value;
    }
    const token = this.tokens[this.#at++] ?? "";
    // Python has no numbers with leading zeros, but 0.5 and 00.
    if (!/^[\d.]*\d[\d.]*$/.test(token) || /^0+[1-9]\d*$/.test(token)) throw new Unreadable();
    return Number(token);
  }

  #take(...wanted: string[]): string | undefined {
    const token = this.tokens[this.#at];
    if (token === undefined || !wanted.includes(token)) return undefined;
    this.#at++;
    return token;
  }
}
