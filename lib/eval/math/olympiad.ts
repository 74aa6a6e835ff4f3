/**
 * The judger of OlympiadBench (He et al., 2024): boxes joined, items matched in any order; each as text,
 * interval, number within an error, expression or equation.
 */
import { strip } from "../choice/python_text.ts";
import { evaluate, type Steps } from "./evaluate.ts";
import { add, type Expr, hasDecimal, neg, print, symbols } from "./expr.ts";
import { readSympy } from "./qwen.ts";
import { differenceOf, factor } from "./scalars.ts";
import { bracePartners, pyFloat, stripSet } from "./text.ts";

/** Default absolute error. */
export const OLYMPIAD_ERROR = 1e-8;

/** Whether two texts hold the same answers; `errors` holds one error, or one for each item of the first. */
export function equalOlympiad(
  first: string,
  second: string,
  errors: readonly number[] = [OLYMPIAD_ERROR],
): boolean {
  const x = boxes(first);
  const y = boxes(second);
  if (x === undefined || y === undefined) return false;
  const [a, b] = [cleaned(x), cleaned(y)];
  if (a === b) return true;
  const judge = new Judge({ left: 200_000 });
  return judge.match(items(a), items(b), errors);
}

/** Longest text of all boxes; boxes within boxes repeat their text. */
const MAX_JOINED = 1_000_000;

/** Insides of all boxes with commas; undefined when one is not closed; formulas of the last line without boxes. */
function boxes(text: string): string | undefined {
  const partners = bracePartners(text);
  let joined = "";
  let from = 0;
  for (let at = text.indexOf("\\boxed{"); at >= 0; at = text.indexOf("\\boxed{", from)) {
    const close = partners[at + 6]!;
    if (close < 0 || joined.length > MAX_JOINED) return undefined;
    joined += `${text.slice(at + 7, close)},`;
    from = at + 7;
  }
  if (joined !== "") return joined;
  const line = strip(text).split("\n").at(-1)!;
  const parts = line.split("$");
  const formulas = parts.filter((_, i) => i % 2 === 1 && i < parts.length - 1);
  return formulas.length === 0 ? text : formulas.map((f) => `${f},`).join("");
}

const REPLACED: readonly (readonly [string, string])[] = [
  ["\\left", ""],
  ["\\right", ""],
  ["∶", ":"],
  ["，", ","],
  ["$", ""],
  ["\\approx", "="],
  ["\\simeq", "="],
  ["\\sim", "="],
  ["^\\prime", "'"],
  ["^{\\prime}", "'"],
  ["^\\circ", ""],
  ["%", ""],
];

function cleaned(text: string): string {
  let s = text.includes("\\in ") ? text.split("\\in ")[1]! : text;
  for (const [before, after] of REPLACED) s = s.replaceAll(before, after);
  s = stripSet(s, "\n$,.:;^_=+`!@#$%^&*~，。");
  return s.replace(/\\(?:mathrm|mathbf)\{~?([^}]{0,500})\}/g, "$1");
}

/** Items between commas outside brackets, each plus-minus as two. */
function items(text: string): string[] {
  const s = text.replace(/[\u4e00-\u9fff]/g, "");
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < s.length; i++) {
    if (s[i] === "(" || s[i] === "[") depth++;
    else if (s[i] === ")" || s[i] === "]") depth--;
    else if (s[i] === "," && depth === 0) {
      parts.push(strip(s.slice(start, i)));
      start = i + 1;
    }
  }
  if (start < s.length) parts.push(strip(s.slice(start)));
  return parts.flatMap((part) =>
    part.includes("\\pm") ? [part.replaceAll("\\pm", "+"), part.replaceAll("\\pm", "-")] : [part]
  );
}

/** Most items compared; longer lists are not answers. */
const MAX_ITEMS = 200;

class Judge {
  constructor(private readonly steps: Steps) {}

  match(a: string[], b: string[], errors: readonly number[]): boolean {
    if (a.length !== b.length || a.length > MAX_ITEMS) return false;
    const left = [...a];
    const right = [...b];
    const allowed = errors.length <= 1 ? left.map(() => errors[0] ?? OLYMPIAD_ERROR) : [...errors];
    for (let i = 0; left.length > 0;) {
      i %= left.length;
      const error = allowed[i];
      const j = error === undefined ? -1 : right.findIndex((r) => this.#equal(left[i]!, r, error));
      if (j < 0) return false;
      left.splice(i, 1);
      right.splice(j, 1);
      allowed.splice(allowed.indexOf(error!), 1);
      i++;
    }
    return true;
  }

  #equal(a: string, b: string, error: number): boolean {
    if (a === b && a !== "") return true;
    if (isInterval(a) && isInterval(b)) {
      const same = this.#intervals(a, b, error);
      if (same !== false) return same === true;
    }
    const [x, y] = [pyFloat(a), pyFloat(b)];
    if (x !== undefined && y !== undefined) {
      if ([x / 100, x, x * 100].some((v) => Math.abs(v - y) <= error * 1.01)) return true;
    }
    if (this.#expressions(a, b, error) && !(a.includes("=") && b.includes("="))) return true;
    return this.#equations(a, b);
  }

  /** Whether intervals agree end by end; undefined where an end cannot be read, which ends the comparison. */
  #intervals(a: string, b: string, error: number): boolean | undefined {
    const [x, y] = [a.split("\\cup"), b.split("\\cup")];
    if (x.length !== y.length) return false;
    for (const [i, part] of x.entries()) {
      const other = y[i]!;
      if (part[0] !== other[0] || part.at(-1) !== other.at(-1)) return false;
      const [ends, others] = [part, other].map((s) => stripSet(s, "[]()").split(","));
      // Pairs only: what one side has more is not looked at.
      for (const [k, end] of ends!.slice(0, others!.length).entries()) {
        if ([end, others![k]!].some((s) => readSympy(s) === undefined)) return undefined;
        if (!this.#expressions(end, others![k]!, error)) return false;
      }
    }
    return true;
  }

  #expressions(a: string, b: string, error: number): boolean {
    const [x, y] = [a, b].map((s) => readSympy(strip(s.split("=")[1] ?? s)));
    if (!x || !y) return false;
    if (x.relation !== y.relation) return false;
    if (x.sides.every((side, i) => print(side) === print(y.sides[i]!))) return true;
    if (x.relation !== "") return false;
    const [left, right] = [x.sides[0]!, y.sides[0]!];
    const free = (e: Expr) => symbols(e).some((name) => name !== "pi");
    if (free(left) !== free(right)) return false;
    if (!free(left) && !(computable(left) && computable(right))) return false;
    const difference = differenceOf(withPi(left), withPi(right), this.steps);
    return difference !== undefined && difference <= (free(left) ? 1e-3 : error * 1.01);
  }

  #equations(a: string, b: string): boolean {
    const [x, y] = [a, b].map((s) => {
      const sides = s.split("=");
      if (sides.length !== 2) return;
      const [left, right] = sides.map(readSympy);
      if (!left || !right || left.relation !== "" || right.relation !== "") return;
      return add(left.sides[0]!, neg(right.sides[0]!));
    });
    // With decimals a quotient is no whole number to sympy.
    if (!x || !y || hasDecimal(x) || hasDecimal(y)) return false;
    const c = factor(x, y, this.steps);
    if (c === undefined) return false;
    return [c, 1 / c].some((k) => Math.abs(k - Math.round(k)) < 1e-7 && Math.round(k) !== 0);
  }
}

function isInterval(text: string): boolean {
  return /^[([]/.test(text) && /[)\]]$/.test(text);
}

/** Powers with exponents over 1000 are not computed. */
function computable(e: Expr): boolean {
  if (e.kind !== "pow") return true;
  const [exponent] = evaluate(withPi(e.exp), { steps: { left: 1000 }, at: new Map() });
  return Math.abs(exponent) <= 1000;
}

/** The symbol pi as the number. */
function withPi(e: Expr): Expr {
  switch (e.kind) {
    case "sym":
      return e.name === "pi" ? { kind: "fn", name: "pi", args: [] } : e;
    case "num":
      return e;
    case "pow":
      return { ...e, base: withPi(e.base), exp: withPi(e.exp) };
    default:
      return { ...e, args: e.args.map(withPi) };
  }
}
