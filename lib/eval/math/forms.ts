/**
 * Normal forms of expressions over positive symbols, as sympy builds them: sums and products flat, sorted and
 * collected, powers of numbers taken out.
 */
import { ONE, plus, power, type Rational, times, toNumber } from "./rational.ts";

/** A normal form. */
export type Form =
  | { readonly kind: "num"; readonly value: Rational }
  | { readonly kind: "const" | "sym"; readonly name: string }
  | { readonly kind: "add" | "mul"; readonly args: readonly Form[] }
  | { readonly kind: "pow"; readonly base: Form; readonly exp: Form }
  | { readonly kind: "fn"; readonly name: string; readonly args: readonly Form[] };

/** Thrown for numbers and trees too large; caught by `formOf`. */
export class TooLarge extends Error {}

/** Most nodes of a form. */
export const MAX_NODES = 600;

/** A number; thrown out of where it is too large. */
export function num(value: Rational | undefined): Form {
  if (!value) throw new TooLarge();
  return { kind: "num", value };
}

/** 0. */
export const ZERO_FORM = num({ n: 0n, d: 1n });

/** 1. */
export const ONE_FORM = num(ONE);

/** -1. */
export const MINUS_ONE = num({ n: -1n, d: 1n });

/** Whether a form is a number, or that number. */
export function isNum(f: Form, n?: bigint): f is Form & { kind: "num" } {
  return f.kind === "num" && (n === undefined || (f.value.d === 1n && f.value.n === n));
}

/** Sum with like terms collected. */
export function sum(terms: readonly Form[]): Form {
  let constant: Rational = { n: 0n, d: 1n };
  const collected = new Map<string, { coefficient: Rational; rest: Form }>();
  const flat = terms.flatMap((t) => t.kind === "add" ? t.args : [t]);
  if (flat.length > MAX_NODES) throw new TooLarge();
  for (const term of flat) {
    if (term.kind === "num") {
      constant = must(plus(constant, term.value));
      continue;
    }
    const { coefficient, rest } = split(term);
    const key = text(rest);
    const found = collected.get(key);
    const total = found ? must(plus(found.coefficient, coefficient)) : coefficient;
    collected.set(key, { coefficient: total, rest });
  }
  const args = [...collected.values()].filter(({ coefficient }) => coefficient.n !== 0n)
    .map(({ coefficient, rest }) => withCoefficient(coefficient, rest));
  if (constant.n !== 0n) args.push(num(constant));
  if (args.length === 0) return ZERO_FORM;
  return args.length === 1 ? args[0]! : { kind: "add", args: sorted(args) };
}

/** Rational factor and rest of a term. */
export function split(term: Form): { coefficient: Rational; rest: Form } {
  if (term.kind !== "mul" || term.args[0]!.kind !== "num") return { coefficient: ONE, rest: term };
  const others = term.args.slice(1);
  return {
    coefficient: term.args[0]!.value,
    rest: others.length === 1 ? others[0]! : { kind: "mul", args: others },
  };
}

/** `coefficient` times `rest`, which has none. */
export function withCoefficient(coefficient: Rational, rest: Form): Form {
  if (coefficient.n === coefficient.d) return rest;
  return {
    kind: "mul",
    args: [num(coefficient), ...(rest.kind === "mul" ? rest.args : [rest])],
  };
}

/** Product with powers of one base collected; a number alone is multiplied into a sum. */
export function product(factors: readonly Form[]): Form {
  let coefficient: Rational = ONE;
  const bases = new Map<string, { base: Form; exps: Form[] }>();
  const pending = [...factors];
  for (let i = 0; i < pending.length; i++) {
    if (i > MAX_NODES) throw new TooLarge();
    const factor = pending[i]!;
    if (factor.kind === "mul") pending.push(...factor.args);
    else if (factor.kind === "num") coefficient = must(times(coefficient, factor.value));
    else {
      const [base, exp] = factor.kind === "pow" ? [factor.base, factor.exp] : [factor, ONE_FORM];
      const key = text(base);
      const found = bases.get(key);
      if (found) found.exps.push(exp);
      else bases.set(key, { base, exps: [exp] });
    }
  }
  if (coefficient.n === 0n) return ZERO_FORM;
  const roots = new Map<string, { exp: Rational; base: bigint }>();
  const args: Form[] = [];
  for (const { base, exps } of bases.values()) {
    const raised = exps.length === 1 && !isNum(base)
      ? powerOf(base, exps[0]!)
      : raise(base, sum(exps));
    for (const part of raised.kind === "mul" ? raised.args : [raised]) {
      if (part.kind === "num") coefficient = must(times(coefficient, part.value));
      else if (part.kind === "pow" && isNum(part.base) && part.exp.kind === "num") {
        const key = text(part.exp);
        const found = roots.get(key);
        roots.set(key, { exp: part.exp.value, base: (found?.base ?? 1n) * part.base.value.n });
      } else args.push(part);
    }
  }
  for (const { exp, base } of roots.values()) {
    const { outside, inside } = rootOf({ n: base, d: 1n }, exp);
    coefficient = must(times(coefficient, outside));
    if (inside > 1n) args.push({ kind: "pow", base: num({ n: inside, d: 1n }), exp: num(exp) });
  }
  if (args.length === 0) return num(coefficient);
  if (args.length === 1 && args[0]!.kind === "add" && coefficient.n !== coefficient.d) {
    return sum(args[0]!.args.map((term) => product([num(coefficient), term])));
  }
  if (coefficient.n !== coefficient.d) {
    return { kind: "mul", args: [num(coefficient), ...sorted(args)] };
  }
  return args.length === 1 ? args[0]! : { kind: "mul", args: sorted(args) };
}

function powerOf(base: Form, exp: Form): Form {
  return isNum(exp, 1n) ? base : { kind: "pow", base, exp };
}

/** Power of a form; one of a number is spread over products, since all symbols are positive. */
export function raise(base: Form, exp: Form): Form {
  if (isNum(exp, 0n)) return ONE_FORM;
  if (isNum(exp, 1n) || isNum(base, 1n)) return base;
  if (base.kind === "mul" && exp.kind === "num") {
    return product(base.args.map((factor) => raise(factor, exp)));
  }
  if (base.kind === "pow") {
    // A root of a quotient is one of its denominator where that is known to be positive.
    const below = coefficientOf(base.exp).n < 0n && exp.kind === "num" && exp.value.d !== 1n;
    if (below && !isPositive(base.base)) return { kind: "pow", base, exp };
    return raise(base.base, product([base.exp, exp]));
  }
  if (base.kind === "num" && exp.kind === "num") return numberRoot(base.value, exp.value);
  if (base.kind === "add" && exp.kind === "num" && exp.value.d === 1n && leadsNegative(base.args)) {
    // Denominators and even powers start with a positive term.
    const turned: Form = { kind: "pow", base: negated(base.args), exp };
    if (exp.value.n % 2n === 0n) return turned;
    if (exp.value.n === -1n) return { kind: "mul", args: [MINUS_ONE, turned] };
  }
  return { kind: "pow", base, exp };
}

/** Whether a form is positive where all its symbols are. */
export function isPositive(f: Form): boolean {
  switch (f.kind) {
    case "num":
      return f.value.n > 0n;
    case "fn":
      return false;
    case "pow":
      return isPositive(f.base);
    case "add":
    case "mul":
      return f.args.every(isPositive);
    default:
      return true;
  }
}

/** A sum with the other sign. */
export function negated(terms: readonly Form[]): Form {
  return sum(terms.map((term) => product([MINUS_ONE, term])));
}

/** Rational to a rational power: a rational times a root of a whole number. */
function numberRoot(base: Rational, exp: Rational): Form {
  if (exp.d === 1n) return num(power(base, exp));
  if (base.n <= 0n) return { kind: "pow", base: num(base), exp: num(exp) };
  // a^(k + r) = a^k a^r with 0 < r < 1; (n/d)^r = (n d^(q-1))^r / d for r = p/q brought to one root.
  const k = exp.n / exp.d - (exp.n < 0n ? 1n : 0n);
  const r = must(plus(exp, { n: -k, d: 1n }));
  const whole = must(power(base, { n: k, d: 1n }));
  const below = must(power({ n: 1n, d: base.d }, { n: r.n, d: 1n }));
  const lifted = must(times(base.d === 1n ? base : { n: base.n, d: 1n }, {
    n: base.d === 1n ? 1n : must(power({ n: base.d, d: 1n }, { n: r.d - 1n, d: 1n })).n,
    d: 1n,
  }));
  const { outside, inside } = rootOf(lifted, r);
  const coefficient = must(times(must(times(whole, base.d === 1n ? ONE : below)), outside));
  if (inside === 1n) return num(coefficient);
  const root: Form = { kind: "pow", base: num({ n: inside, d: 1n }), exp: num(r) };
  return coefficient.n === coefficient.d ? root : { kind: "mul", args: [num(coefficient), root] };
}

/** Perfect powers taken out of base^(p/q), for factors up to a thousand. */
function rootOf(base: Rational, exp: Rational): { outside: Rational; inside: bigint } {
  let outside = 1n;
  let inside = base.n;
  for (let p = 2n; p <= 1000n && p ** exp.d <= inside; p++) {
    const perfect = p ** exp.d;
    while (inside % perfect === 0n) {
      inside /= perfect;
      outside *= p ** exp.n;
    }
  }
  return { outside: { n: outside, d: 1n }, inside };
}

/** A number that there is, or `TooLarge`. */
export function must(value: Rational | undefined): Rational {
  if (!value) throw new TooLarge();
  return value;
}

/** The number in front of a term. */
export function coefficientOf(term: Form): Rational {
  return term.kind === "num" ? term.value : split(term).coefficient;
}

/** Whether the leading term, by powers of the symbols in order of name, has a negative coefficient. */
function leadsNegative(terms: readonly Form[]): boolean {
  const degree = (term: Form, name: string): number => {
    for (const f of factorsOf(term)) {
      const [base, exp] = f.kind === "pow" ? [f.base, f.exp] : [f, ONE_FORM];
      if (text(base) === name) return exp.kind === "num" ? toNumber(exp.value) : 1;
    }
    return 0;
  };
  const names = new Set(
    terms.flatMap((term) =>
      factorsOf(term).filter((f) => f.kind !== "num").map((f) =>
        text(f.kind === "pow" ? f.base : f)
      )
    ),
  );
  let leading = terms;
  // Symbols come before functions.
  const ordered = [...names].sort((a, b) =>
    Number(a.includes("(")) - Number(b.includes("(")) || (a < b ? -1 : 1)
  );
  for (const name of ordered) {
    const most = Math.max(...leading.map((term) => degree(term, name)));
    leading = leading.filter((term) => degree(term, name) === most);
  }
  const [first] = leading;
  return first !== undefined &&
    (first.kind === "num" ? first.value : split(first).coefficient).n < 0n;
}

/** The factors of a product; any other form is its own. */
export function factorsOf(term: Form): readonly Form[] {
  return term.kind === "mul" ? term.args : [term];
}

/** One text for one form. */
export function text(f: Form): string {
  switch (f.kind) {
    case "num":
      return f.value.d === 1n ? `${f.value.n}` : `${f.value.n}/${f.value.d}`;
    case "const":
    case "sym":
      return f.name;
    case "pow":
      return `${text(f.base)}**(${text(f.exp)})`;
    default:
      return `${f.kind === "fn" ? f.name : f.kind}(${f.args.map(text).join(",")})`;
  }
}

const CLASSES = ["num", "const", "sym", "pow", "mul", "add", "fn"];

/** sympy's order of arguments: by class, functions by name, then by content. */
function compare(a: Form, b: Form): number {
  const [f, g] = [functionName(a), functionName(b)];
  const rank = (form: Form, name?: string) =>
    CLASSES.indexOf(name === undefined ? form.kind : "fn");
  const classes = rank(a, f) - rank(b, g);
  if (classes !== 0) return classes;
  if (f !== undefined && g !== undefined && f !== g) return f < g ? -1 : 1;
  const [x, y] = [content(a), content(b)];
  if (x.length !== y.length) return x.length - y.length;
  for (const [i, part] of x.entries()) {
    const other = y[i]!;
    const c = typeof part === "object" && typeof other === "object"
      ? compare(part, other)
      : part < other
      ? -1
      : part > other
      ? 1
      : 0;
    if (c !== 0) return c;
  }
  return 0;
}

/** The name of a function; a power of E is the function exp in sympy. */
function functionName(f: Form): string | undefined {
  if (f.kind === "fn") return f.name;
  return f.kind === "pow" && isE(f.base) ? "exp" : undefined;
}

/** Numbers that are classes of their own to sympy, before integers and fractions. */
const NUMBERS = ["0", "1", "1/2", "-1"];

function content(f: Form): (Form | string | bigint)[] {
  switch (f.kind) {
    case "num": {
      const rank = NUMBERS.indexOf(text(f));
      return [rank < 0 ? (f.value.d === 1n ? 4n : 5n) : BigInt(rank), f.value.n, f.value.d];
    }
    case "const":
    case "sym":
      return [f.name];
    case "pow":
      return [f.base, f.exp];
    default:
      return [...f.args];
  }
}

/** Whether a form is Euler's number. */
export function isE(f: Form): boolean {
  return f.kind === "const" && f.name === "E";
}

function sorted(args: readonly Form[]): Form[] {
  return [...args].sort(compare);
}
