/** What latex2sympy2_extended, Math-Verify's reader, makes of an answer. */
import { partner, split } from "./brackets.ts";
import { evaluate } from "./evaluate.ts";
import { add, children, type Expr, int, mul, neg, symbols } from "./expr.ts";
import { isReadable, ordinary } from "./math_verify_latex.ts";
import { parse } from "./parse.ts";

/** An answer as read. */
export type Value =
  | { readonly kind: "expr"; readonly expr: Expr }
  | { readonly kind: "matrix"; readonly rows: readonly (readonly Expr[])[] }
  /** In the order of the text. */
  | { readonly kind: "set" | "tuple"; readonly items: readonly Value[] }
  | { readonly kind: "interval"; readonly low: Expr; readonly high: Expr; readonly open: Open }
  /** Sets joined by `\cup`, `\cap` or `\setminus`. */
  | { readonly kind: "join"; readonly op: string; readonly parts: readonly Value[] }
  /** A chain of relations: one operator fewer than sides. */
  | {
    readonly kind: "relation";
    readonly sides: readonly Value[];
    readonly ops: readonly string[];
  };

/** Whether the ends of an interval are open. */
export type Open = readonly [low: boolean, high: boolean];

/** The value of a cleaned answer; undefined for what is not read. */
export function readValue(latex: string): Value | undefined {
  if (!isReadable(latex)) return undefined;
  if (THOUSANDS.test(latex)) return value(parse(latex.replaceAll(",", ""), EXTENDED)!);
  return new Reader(COMPLEX.test(latex)).answer(ordinary(latex).trim());
}

/** A lone i makes a text complex: its symbols are others than those of the reals. */
const COMPLEX = /\bi\b|\\imath\b|\\mathbb\{C\}|\\det|\\(?:Re|Im|arg)\{|\\text\{(?:i|rank|Re|Im)\}/;
const MATRIX =
  /^\\begin\{(?:[pb]?matrix|array)\}(?:\{[clr]*\})?([^]*)\\end\{(?:[pb]?matrix|array)\}$/;
const PRODUCT_SIGN = /(?:\\cdot|\\times|\*)$/;
const MAX_NESTING = 12;
const THOUSANDS = /^-?\d{1,3}(?:,\d{3})+(?:\.\d+)?$/;
const RELATIONS: Readonly<Record<string, string>> = {
  "=": "=",
  "\\equiv": "=",
  "<": "<",
  "\\lt": "<",
  ">": ">",
  "\\gt": ">",
  "\\le": "\\le",
  "\\leq": "\\le",
  "\\leqslant": "\\le",
  "\\ge": "\\ge",
  "\\geq": "\\ge",
  "\\geqslant": "\\ge",
  "\\ne": "\\ne",
  "\\neq": "\\ne",
  "\\approx": "\\approx",
};
const SET_SIGNS = ["\\setminus", "\\cup", "\\cap"];
const LITERAL_SETS: Readonly<Record<string, string>> = {
  "\\mathbb{N}": "N",
  "\\mathbb{Z}": "Z",
  "\\mathbb{Q}": "Q",
  "\\mathbb{C}": "C",
};
const INFINITY = "infty";
/** All reals. */
export const LINE = {
  kind: "interval",
  low: neg({ kind: "sym", name: INFINITY }),
  high: { kind: "sym", name: INFINITY },
  open: [true, true],
} as const;

class Reader {
  #nesting = 0;

  constructor(private readonly complex: boolean) {}

  /** A name with what it equals or is in, else elements, else sets joined. */
  answer(text: string): Value | undefined {
    return this.#named(text) ?? this.#elements(text, true) ?? this.#sets(text);
  }

  /** `x = 1, 2` and `(x, y) \in ...`: all behind the sign belongs to the name. */
  #named(text: string): Value | undefined {
    const { parts: [name, ...rest], found } = split(text, ["=", "\\in"]);
    if (rest.length === 0) return undefined;
    const right = text.slice(name!.length + found[0]!.length);
    const left = this.#names(name!.trim());
    const value = left && (this.#elements(right, false) ?? this.#sets(right.trim()));
    return value && { kind: "relation", sides: [left, value], ops: ["="] };
  }

  /** A symbol, perhaps raised to a power, or several in brackets. */
  #names(text: string): Value | undefined {
    const listed = text.startsWith("(") && partner(text, 0) === text.length - 1;
    const names = listed ? split(text.slice(1, -1), [","]).parts : [text];
    const items = names.map((name) => this.#expr(name.trim()));
    const isName = (e: Expr) => e.kind === "sym" || (e.kind === "pow" && e.base.kind === "sym");
    if (!items.every((item) => item?.kind === "expr" && isName(item.expr))) return undefined;
    return items.length === 1 ? items[0] : { kind: "tuple", items: items as Value[] };
  }

  /** Elements between commas and semicolons: one alone, a set, or a set of the tuples between semicolons. */
  #elements(text: string, related: boolean): Value | undefined {
    const lists = this.#lists(text, related);
    return lists && gathered(lists);
  }

  /** Items between commas, in lists between semicolons. */
  #lists(text: string, related: boolean): Value[][] | undefined {
    const lists: Value[][] = [];
    for (const list of split(text, [";"]).parts) {
      const items: Value[] = [];
      for (const part of split(list, [","]).parts) {
        const found = this.#element(part.trim(), related);
        if (!found) return undefined;
        items.push(...found);
      }
      lists.push(items);
    }
    return lists;
  }

  /** One element, or the two that a plus-minus sign between whole terms makes. */
  #element(text: string, related: boolean): readonly Value[] | undefined {
    const { parts } = split(text, ["\\pm", "\\mp"]);
    if (parts.length === 1) {
      const value = this.#bracketed(text) ?? (related ? this.#relation(text) : this.#expr(text));
      return value && [value];
    }
    const [left, right] = parts.map((part) => this.#scalar(part.trim()));
    if (parts.length > 2 || !right) return undefined;
    if (parts[0]!.trim() === "") return [neg(right), right].map(value);
    return left && [add(left, right), add(left, neg(right))].map(value);
  }

  /** Expressions between relation signs. */
  #relation(text: string): Value | undefined {
    const { parts, found } = split(text, Object.keys(RELATIONS));
    const [first, ...rest] = parts.map((part) => this.#expr(part.trim()));
    if (!first) return undefined;
    let sides = [first];
    let ops: string[] = [];
    for (const [i, side] of rest.entries()) {
      if (!side) return undefined;
      const op = RELATIONS[found[i]!]!;
      if (op !== "\\approx") {
        sides.push(side);
        ops.push(op);
      } else if (sides.every(isName)) { // a name takes the value of an approximation, others go before it
        sides = [side];
        ops = [];
      }
    }
    return ops.length === 0 ? sides[0] : { kind: "relation", sides, ops };
  }

  /** Sets joined by signs, the last of the loosest sign first. */
  #sets(text: string): Value | undefined {
    for (const op of SET_SIGNS) {
      const { parts } = split(text, [op]);
      if (parts.length === 1) continue;
      const sets = parts.map((part) => this.#sets(part.trim()));
      const some = sets.map((set) =>
        set?.kind === "tuple" ? { ...set, kind: "set" } as const : set
      );
      return some.every((set) => set !== undefined) ? { kind: "join", op, parts: some } : undefined;
    }
    const alone = this.#bracketed(text);
    if (alone || !text.startsWith("(") || partner(text, 0) !== text.length - 1) return alone;
    return this.#deeper(() => this.#sets(text.slice(1, -1).trim()));
  }

  /** An interval, tuple, set or matrix that is the whole of `text`. */
  #bracketed(text: string): Value | undefined {
    if (text in LITERAL_SETS) return value({ kind: "sym", name: LITERAL_SETS[text]! });
    if (text === "\\mathbb{R}") return LINE;
    if (text === "\\emptyset") return { kind: "set", items: [] };
    const open = /^(?:\\?\{|[([])/.exec(text)?.[0];
    if (open === undefined || partner(text, 0) !== text.length - 1) return undefined;
    const close = text.endsWith("\\}") ? "\\}" : text.at(-1)!;
    const inside = text.slice(open.length, -close.length);
    return this.#deeper(() => {
      if (open.endsWith("{")) {
        if (close !== open.replace("{", "}")) return undefined;
        const items = inside.trim() === "" ? [] : this.#lists(inside, true)?.flat();
        return items && { kind: "set", items };
      }
      const ends = split(inside, [",", ";"]);
      if (ends.parts.length === 2 && ends.found[0] === ",") {
        const [low, high] = ends.parts.map((end) => this.#scalar(end.trim()));
        if (low && high) return this.#interval(low, high, [open === "(", close === ")"]);
      }
      if (close !== (open === "(" ? ")" : "]")) return undefined;
      const items = this.#lists(inside, true)?.flat();
      return items?.length === 1 ? items[0] : items && { kind: "tuple", items };
    });
  }

  /** An interval; a tuple or a point where it would be empty; none between complex symbols. */
  #interval(low: Expr, high: Expr, open: Open): Value | undefined {
    if (this.complex && symbols(low, high).some((name) => name.endsWith(COMPLEX_MARK))) {
      return undefined;
    }
    const [from, to] = [realValue(low), realValue(high)];
    if (from === undefined || to === undefined || from < to) {
      const ends = [open[0] || from === -Infinity, open[1] || to === Infinity] as const;
      return { kind: "interval", low, high, open: ends };
    }
    if (open[0] === open[1] && (open[0] || to < from)) {
      return { kind: "tuple", items: [value(low), value(high)] };
    }
    return { kind: "set", items: open[0] || open[1] ? [] : [value(low)] };
  }

  #deeper(read: () => Value | undefined): Value | undefined {
    if (this.#nesting >= MAX_NESTING) return undefined;
    this.#nesting++;
    const found = read();
    this.#nesting--;
    return found;
  }

  #expr(text: string): Value | undefined {
    const expr = this.#scalar(text);
    return expr ? value(expr) : this.#matrix(text);
  }

  /** A matrix, perhaps with a factor before it. */
  #matrix(text: string): Value | undefined {
    const at = text.indexOf("\\begin");
    const [, inside = "\\begin"] = MATRIX.exec(text.slice(Math.max(0, at))) ?? [];
    if (inside.includes("\\begin")) return undefined;
    const before = text.slice(0, at).trimEnd().replace(PRODUCT_SIGN, "").trimEnd();
    const times = before === "" ? int(1) : before === "-" ? int(-1) : this.#scalar(before);
    const rows = inside.split("\\\\")
      .filter((row, i, all) => i < all.length - 1 || row.trim() !== "")
      .map((row) =>
        row.split("&").map((cell) => {
          const entry = this.#scalar(cell.trim());
          return entry && times && mul(times, entry);
        })
      );
    const full = (row: readonly (Expr | undefined)[]): row is Expr[] => !row.includes(undefined);
    return rows.every(full) ? { kind: "matrix", rows } : undefined;
  }

  #scalar(text: string): Expr | undefined {
    const expr = parse(text, EXTENDED);
    return expr && this.#folded(expr);
  }

  /** Symbols in lower case, those of complex texts with their mark. */
  #folded(e: Expr): Expr {
    switch (e.kind) {
      case "num":
        return e;
      case "sym": {
        const mark = this.complex && e.name !== INFINITY ? COMPLEX_MARK : "";
        return { ...e, name: e.name.toLowerCase() + mark };
      }
      case "pow":
        return { ...e, base: this.#folded(e.base), exp: this.#folded(e.exp) };
      default:
        return { ...e, args: e.args.map((arg) => this.#folded(arg)) };
    }
  }
}

const EXTENDED = { grammar: "extended" } as const;
/** Ends the names of symbols in complex texts. */
export const COMPLEX_MARK = "\u2102";

function value(expr: Expr): Value {
  return { kind: "expr", expr };
}

function gathered(lists: readonly (readonly Value[])[]): Value {
  if (lists.length === 1) {
    const items = lists[0]!;
    return items.length === 1 ? items[0]! : { kind: "set", items };
  }
  const single = lists.every((items) => items.length === 1);
  return {
    kind: "set",
    items: single ? lists.flat() : lists.map((items) => ({ kind: "tuple", items })),
  };
}

/** Real value of an expression without symbols; infinite ones too. */
export function realValue(e: Expr): number | undefined {
  if (e.kind === "sym" && e.name === INFINITY) return Infinity;
  if (e.kind === "mul" && e.args.length === 2 && realValue(e.args[1]!) === Infinity) {
    return realValue(e.args[0]!) === -1 ? -Infinity : undefined;
  }
  const [re, im] = evaluate(e, { steps: { left: 10_000 }, at: new Map() });
  return Number.isNaN(re) || im !== 0 ? undefined : re;
}

/** Whether symbols alone make up a value, functions of them and quotients included. */
export function isName(v: Value): boolean {
  if (v.kind === "expr") return onlySymbols(v.expr);
  if (v.kind === "relation") return v.sides.every(isName);
  return (v.kind === "tuple" || v.kind === "set") && v.items.length > 0 && v.items.every(isName);
}

function onlySymbols(e: Expr): boolean {
  if (e.kind === "sym") return e.name !== INFINITY;
  const inverse = e.kind === "pow" && e.exp.kind === "num" && e.exp.value.n === -1n;
  // A divisor without parts counts, as in \frac{ab}{2}.
  if (inverse) return e.base.kind === "sym" || children(e.base).every(onlySymbols);
  const parts = children(e);
  return parts.length > 0 && parts.every(onlySymbols);
}
