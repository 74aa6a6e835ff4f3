/** Values of expressions: exact rationals where possible, complex doubles otherwise. */
import * as c from "./complex.ts";
import { integrate } from "./special.ts";
import type { Complex } from "./complex.ts";
import type { Expr } from "./expr.ts";
import {
  bits,
  floor,
  gcd,
  ONE,
  plus,
  power,
  ratio,
  type Rational,
  times,
  toNumber,
} from "./rational.ts";

/** Nodes visited in one comparison before it is given up. */
export interface Steps {
  left: number;
}

/** Rational values of symbols. */
export type RationalPoint = ReadonlyMap<string, Rational>;

/** Rational value, or undefined where there is none or it is too large; `at` gives symbols theirs. */
export function exact(e: Expr, steps: Steps, at?: RationalPoint): Rational | undefined {
  if (--steps.left < 0) return undefined;
  switch (e.kind) {
    case "num":
      return e.value;
    case "sym":
      return at?.get(e.name);
    case "pow": {
      const exp = exact(e.exp, steps, at);
      const base = exp && exact(e.base, steps, at);
      const value = exp && base && power(base, exp);
      if (value) steps.left -= bits(value.n) >> 6;
      return value;
    }
    case "add":
    case "mul": {
      const join = e.kind === "add" ? plus : times;
      let total: Rational | undefined = e.kind === "add" ? { n: 0n, d: 1n } : ONE;
      for (const arg of e.args) {
        const value: Rational | undefined = exact(arg, steps, at);
        total = value && join(total!, value);
        if (!total) return undefined;
        // Arithmetic on long numbers counts by its length.
        steps.left -= bits(total.n) >> (e.kind === "add" ? 10 : 6);
      }
      return total;
    }
    case "fn":
      return exactFunction(e.name, e.args, steps, at);
  }
}

/** Largest n of an exact n! or n over k. */
const MAX_FACTORIAL = 5000n;

function exactFunction(
  name: string,
  exprs: readonly Expr[],
  steps: Steps,
  at?: RationalPoint,
): Rational | undefined {
  if (name === "floor" || name === "ceil") return rounded(name, exprs[0]!, steps, at);
  if (!EXACT.has(name)) return undefined;
  const args: Rational[] = [];
  for (const e of exprs) {
    const value = exact(e, steps, at);
    if (!value) return undefined;
    args.push(value);
  }
  const [a, b] = args as [Rational, Rational];
  const whole = args.every((x) => x.d === 1n);
  switch (name) {
    case "abs":
      return { n: a.n < 0n ? -a.n : a.n, d: a.d };
    case "factorial":
    case "factorial2": {
      if (!whole || a.n < 0n || a.n > MAX_FACTORIAL) return undefined;
      const step = name === "factorial" ? 1n : 2n;
      const value = product(step === 2n && a.n % 2n === 0n ? 2n : 1n, a.n, step, steps);
      return value === undefined ? undefined : ratio(value);
    }
    case "binom":
      return whole ? binomial(a.n, b.n, steps) : undefined;
    case "mod":
      return whole && b.n !== 0n ? ratio(a.n - b.n * floor(ratio(a.n, b.n)!)) : undefined;
    case "gcd":
      return whole ? ratio(args.map((x) => x.n).reduce(gcd)) : undefined;
    case "lcm":
      return whole && args.every((x) => x.n !== 0n)
        ? ratio(args.map((x) => x.n).reduce((x, y) => x / gcd(x, y) * y))
        : undefined;
    default: { // max, min
      const better = (x: Rational, y: Rational) => x.n * y.d < y.n * x.d === (name === "max");
      return args.reduce((x, y) => better(x, y) ? y : x);
    }
  }
}

const EXACT = new Set("abs factorial factorial2 binom mod gcd lcm max min".split(" "));

/** from · (from + step) ⋯ up to `to`; each factor counts as a node. */
function product(from: bigint, to: bigint, step: bigint, steps: Steps): bigint | undefined {
  steps.left -= Number((to - from) / step);
  return steps.left < 0 ? undefined : halves(from, to, step);
}

/** The same, by halves of like length. */
function halves(from: bigint, to: bigint, step: bigint): bigint {
  const count = (to - from) / step;
  if (count < 8n) {
    let result = 1n;
    for (let i = from; i <= to; i += step) result *= i;
    return result;
  }
  const middle = from + count / 2n * step;
  return halves(from, middle, step) * halves(middle + step, to, step);
}

function binomial(n: bigint, k: bigint, steps: Steps): Rational | undefined {
  if (n < 0n || k < 0n) return undefined;
  if (k > n) return ratio(0n);
  if (k > n - k) k = n - k;
  if (n > 1n << 64n || k > MAX_FACTORIAL) return undefined;
  const top = product(n - k + 1n, n, 1n, steps);
  const bottom = product(1n, k, 1n, steps);
  return top !== undefined && bottom !== undefined ? ratio(top / bottom) : undefined;
}

/** Floor and ceiling; of a number without an exact value when it is clear of an integer. */
function rounded(
  name: string,
  e: Expr,
  steps: Steps,
  at?: RationalPoint,
): Rational | undefined {
  const value = exact(e, steps, at);
  if (value) return ratio(name === "floor" ? floor(value) : -floor({ n: -value.n, d: value.d }));
  const [re, im] = evaluate(e, { steps, at: new Map() });
  if (im !== 0 || !Number.isFinite(re) || Math.abs(re) > 1e6) return undefined;
  if (Math.abs(re - Math.round(re)) < 1e-9) return undefined;
  return ratio(BigInt(name === "floor" ? Math.floor(re) : Math.ceil(re)));
}

/** Where and how an expression is evaluated. */
export interface Scope {
  readonly steps: Steps;
  /** Values of symbols; a symbol without one makes the value NaN. */
  readonly at: ReadonlyMap<string, Complex>;
  /** Functions beyond the elementary ones. */
  readonly functions?: Readonly<Record<string, (...args: Complex[]) => Complex>>;
  /** Largest term of a sum met so far: what cancellation is measured against. */
  scale?: number;
}

const NOTHING: Complex = [NaN, NaN];

/** Value in complex doubles; NaN where there is none. */
export function evaluate(e: Expr, scope: Scope): Complex {
  if (--scope.steps.left < 0) return NOTHING;
  switch (e.kind) {
    case "num":
      return [toNumber(e.value), 0];
    case "sym":
      return scope.at.get(e.name) ?? NOTHING;
    case "pow":
      return c.cPow(evaluate(e.base, scope), evaluate(e.exp, scope));
    case "add": {
      let sum = c.ZERO;
      for (const arg of e.args) {
        const term = evaluate(arg, scope);
        scope.scale = Math.max(scope.scale ?? 0, c.cAbs(term));
        sum = c.cAdd(sum, term);
      }
      return sum;
    }
    case "mul": {
      let product = c.ONE;
      for (const arg of e.args) product = c.cMul(product, evaluate(arg, scope));
      return product;
    }
    case "fn": {
      if (e.name === "integral") return integral(e.args, scope);
      const args = e.args.map((arg) => evaluate(arg, scope));
      const known = scope.functions?.[e.name] ?? FUNCTIONS[e.name];
      if (known) return known(...args);
      return e.name.endsWith("()") ? unknown(e.name, args) : NOTHING;
    }
  }
}

/** Value of an integral given as body, variable, lower and upper limit. */
function integral([body, variable, low, high]: readonly Expr[], scope: Scope): Complex {
  if (variable?.kind !== "sym") return NOTHING;
  const [a, b] = [evaluate(low!, scope), evaluate(high!, scope)];
  if (a[1] !== 0 || b[1] !== 0 || Number.isNaN(a[0]) || Number.isNaN(b[0])) return NOTHING;
  const f = (x: number) =>
    evaluate(body!, { ...scope, at: new Map(scope.at).set(variable.name, [x, 0]) });
  // A body without a value anywhere has no integral.
  const middle = f(Number.isFinite(a[0] + b[0]) ? (a[0] + b[0]) / 2 : 1.234);
  return Number.isNaN(middle[0]) ? NOTHING : integrate(f, a[0], b[0]);
}

/** Value of an unknown function: smooth, and different for other names and arguments. */
function unknown(name: string, args: readonly Complex[]): Complex {
  let angle: Complex = [0, 0];
  for (const char of name) angle = [angle[0] * 1.37 + char.charCodeAt(0), 0];
  args.forEach((arg, i) => angle = c.cAdd(angle, c.cScale(arg, 0.7 + 0.31 * i)));
  return c.cAdd(c.cSin(angle), [1.5, 0]);
}

type Function = (...args: Complex[]) => Complex;

const over = (f: Function): Function => (a) => c.cDiv(c.ONE, f(a!));
const ofInverse = (f: Function): Function => (a) => f(c.cDiv(c.ONE, a!));
const onReals = (f: (...xs: number[]) => number): Function => (...args) =>
  args.every((a) => Math.abs(a[1]) < 1e-12) ? [f(...args.map((a) => a[0])), 0] : NOTHING;
const cTan: Function = (a) => c.cDiv(c.cSin(a!), c.cCos(a!));
const factorial: Function = (a) => c.cGamma(c.cAdd(a!, c.ONE));

const FUNCTIONS: Readonly<Record<string, Function>> = {
  e: () => [Math.E, 0],
  pi: () => [Math.PI, 0],
  i: () => [0, 1],
  ln: (a) => c.cLog(a!),
  lg: (a) => c.cScale(c.cLog(a!), Math.LOG10E),
  exp: (a) => c.cExp(a!),
  sqrt: (a) => c.cSqrt(a!),
  abs: (a) => [c.cAbs(a!), 0],
  sin: (a) => c.cSin(a!),
  cos: (a) => c.cCos(a!),
  tan: cTan,
  cot: over(cTan),
  sec: over((a) => c.cCos(a!)),
  csc: over((a) => c.cSin(a!)),
  sinh: (a) => c.cSinh(a!),
  cosh: (a) => c.cCosh(a!),
  tanh: (a) => c.cTanh(a!),
  coth: over((a) => c.cTanh(a!)),
  sech: over((a) => c.cCosh(a!)),
  csch: over((a) => c.cSinh(a!)),
  arcsin: (a) => c.cAsin(a!),
  arccos: (a) => c.cAcos(a!),
  arctan: (a) => c.cAtan(a!),
  arccot: ofInverse((a) => c.cAtan(a!)),
  arcsec: ofInverse((a) => c.cAcos(a!)),
  arccsc: ofInverse((a) => c.cAsin(a!)),
  arcsinh: (a) => c.cAsinh(a!),
  arccosh: (a) => c.cAcosh(a!),
  arctanh: (a) => c.cAtanh(a!),
  arccoth: ofInverse((a) => c.cAtanh(a!)),
  arcsech: ofInverse((a) => c.cAcosh(a!)),
  arccsch: ofInverse((a) => c.cAsinh(a!)),
  gamma: (a) => c.cGamma(a!),
  factorial,
  binom: (n, k) => c.cDiv(factorial(n!), c.cMul(factorial(k!), factorial(c.cSub(n!, k!)))),
  // A value a rounding error below an integer counts as that integer.
  floor: onReals((x) => Math.floor(x! + 1e-9)),
  ceil: onReals((x) => Math.ceil(x! - 1e-9)),
  max: onReals(Math.max),
  min: onReals(Math.min),
  mod: onReals((x, y) => x! - y! * Math.floor(x! / y!)),
};
