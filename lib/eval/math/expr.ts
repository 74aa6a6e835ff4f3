/** Expressions that answers are read into. */
import { ratio, type Rational } from "./rational.ts";

/** A scalar expression; differences are sums of negations, quotients are products of powers. */
export type Expr =
  | { readonly kind: "num"; readonly value: Rational; readonly decimal?: boolean }
  | { readonly kind: "sym"; readonly name: string }
  | { readonly kind: "add"; readonly args: readonly Expr[] }
  | { readonly kind: "mul"; readonly args: readonly Expr[] }
  | { readonly kind: "pow"; readonly base: Expr; readonly exp: Expr }
  | { readonly kind: "fn"; readonly name: string; readonly args: readonly Expr[] };

/** A whole number. */
export function int(n: number | bigint): Expr {
  return { kind: "num", value: ratio(BigInt(n))! };
}

/** -x. */
export function neg(x: Expr): Expr {
  return x.kind === "num"
    ? { ...x, value: { n: -x.value.n, d: x.value.d } }
    : { kind: "mul", args: [int(-1), x] };
}

/** a + b and what is added to it. */
export function add(a: Expr, ...rest: Expr[]): Expr {
  return joined("add", a, rest);
}

/** a · b and what it is multiplied by. */
export function mul(a: Expr, ...rest: Expr[]): Expr {
  return joined("mul", a, rest);
}

/** One node for all, and for the parts of a first one of its kind. */
function joined(kind: "add" | "mul", first: Expr, rest: readonly Expr[]): Expr {
  if (rest.length === 0) return first;
  return { kind, args: first.kind === kind ? [...first.args, ...rest] : [first, ...rest] };
}

/** a / b. */
export function div(a: Expr, b: Expr): Expr {
  return mul(a, pow(b, int(-1)));
}

/** a^b. */
export function pow(base: Expr, exp: Expr): Expr {
  return { kind: "pow", base, exp };
}

/** Application of a named function. */
export function fn(name: string, ...args: Expr[]): Expr {
  return { kind: "fn", name, args };
}

/** 1/2, the exponent of a square root. */
export const HALF: Expr = { kind: "num", value: { n: 1n, d: 2n } };

/** 1/100, what a percent sign is. */
export const PERCENT: Expr = { kind: "num", value: { n: 1n, d: 100n } };

/** Free symbols in order of name; constants and applied functions are not among them. */
export function symbols(...exprs: Expr[]): string[] {
  const found = new Set<string>();
  const stack = [...exprs];
  for (let e = stack.pop(); e; e = stack.pop()) {
    if (e.kind === "sym") found.add(e.name);
    else stack.push(...children(e));
  }
  return [...found].sort();
}

/** Direct parts of an expression. */
export function children(e: Expr): readonly Expr[] {
  if (e.kind === "pow") return [e.base, e.exp];
  return e.kind === "num" || e.kind === "sym" ? [] : e.args;
}

/** Whether a decimal number is among the parts. */
export function hasDecimal(e: Expr): boolean {
  return (e.kind === "num" && e.decimal === true) || children(e).some(hasDecimal);
}

/** One text for one tree, for comparing trees. */
export function print(e: Expr): string {
  switch (e.kind) {
    case "num":
      return e.value.d === 1n ? `${e.value.n}` : `${e.value.n}/${e.value.d}`;
    case "sym":
      return e.name;
    case "pow":
      return `(${print(e.base)})^(${print(e.exp)})`;
    default:
      return `${e.kind === "fn" ? e.name : e.kind}(${e.args.map(print).join(",")})`;
  }
}
