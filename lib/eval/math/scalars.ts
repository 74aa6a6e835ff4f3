/** Equality of scalar expressions: exact rationals first, then values at fixed points. */
import { cAbs, cDiv, type Complex, cSub } from "./complex.ts";
import { evaluate, exact, type Steps } from "./evaluate.ts";
import { children, type Expr, print, symbols } from "./expr.ts";
import { plus, ratio, same, toNumber } from "./rational.ts";

/** Relative difference below which two values are the same number. */
const ROUNDING = 1e-9;
/** The same against the largest term of a sum that cancels. */
const CANCELLATION = 1e-13;

/** Whether a and b are the same function. */
export function equalScalars(a: Expr, b: Expr, steps: Steps): boolean {
  const x = exact(a, steps);
  const y = x && exact(b, steps);
  if (x && y) return same(x, y);
  const names = symbols(a, b);
  if (differAtIntegers(a, b, names, steps)) return false;
  const verdict = compareAt(points(names, "positive"), a, b, steps);
  if (verdict === undefined) return print(a) === print(b);
  if (!verdict || names.length === 0 || !(uses(a, "abs") || uses(b, "abs"))) return verdict;
  // Roots and logarithms leave their branch below zero; absolute values are told apart only there.
  return compareAt(points(names, "signed"), a, b, steps) ?? verdict;
}

/** Whether exact values tell a and b apart: doubles lose a unit beside 2^60. */
function differAtIntegers(a: Expr, b: Expr, names: readonly string[], steps: Steps): boolean {
  return names.length > 0 && [7n, 30n].some((first) => {
    const at = new Map(names.map((name, i) => [name, ratio(first + BigInt(i * (i + 3)))!]));
    const x = exact(a, steps, at);
    const y = x && exact(b, steps, at);
    return x !== undefined && y !== undefined && !same(x, y);
  });
}

function compareAt(
  at: Map<string, Complex>[],
  a: Expr,
  b: Expr,
  steps: Steps,
): boolean | undefined {
  let compared = 0;
  for (const point of at) {
    const scope = { steps, at: point, scale: 0 };
    const x = evaluate(a, scope);
    const y = evaluate(b, scope);
    if (!finite(x) || !finite(y)) continue;
    compared++;
    const difference = cAbs(cSub(x, y));
    const size = Math.max(cAbs(x), cAbs(y));
    if (difference > ROUNDING * size && difference > CANCELLATION * scope.scale) return false;
  }
  return compared > 0 ? true : undefined;
}

/**
 * The constant c with a = c · b at all points, or undefined: how two equations `a = 0` and `b = 0`
 * are the same.
 */
export function factor(a: Expr, b: Expr, steps: Steps): number | undefined {
  const names = symbols(a, b);
  const found: Complex[] = [];
  for (const at of [...points(names, "positive"), ...points(names, "signed")]) {
    const x = evaluate(a, { steps, at });
    const y = evaluate(b, { steps, at });
    if (!finite(x) || !finite(y) || cAbs(y) < 1e-12 || cAbs(x) < 1e-12) continue;
    found.push(cDiv(x, y));
  }
  const first = found[0];
  if (!first || found.length < 3 && names.length > 0) return undefined;
  const constant = found.every((c) => cAbs(cSub(c, first)) <= 1e-8 * cAbs(first));
  return constant && Math.abs(first[1]) <= 1e-9 * cAbs(first) ? first[0] : undefined;
}

/** |a - b| where it is the same number at all points, else undefined. */
export function differenceOf(a: Expr, b: Expr, steps: Steps): number | undefined {
  const x = exact(a, steps);
  const y = x && exact(b, steps);
  const d = x && y && plus(x, { n: -y.n, d: y.d });
  if (d) return Math.abs(toNumber(d));
  let found: number | undefined;
  for (const at of points(symbols(a, b), "positive")) {
    const scope = { steps, at, scale: 0 };
    const difference = cSub(evaluate(a, scope), evaluate(b, scope));
    if (!finite(difference)) continue;
    const size = cAbs(difference);
    const noise = 1e-12 * Math.max(scope.scale, 1);
    if (found !== undefined && Math.abs(size - found) > noise) return undefined;
    found ??= size;
  }
  return found;
}

function finite([re, im]: Complex): boolean {
  return Number.isFinite(re) && Number.isFinite(im);
}

function uses(e: Expr, name: string): boolean {
  return (e.kind === "fn" && e.name === name) || children(e).some((part) => uses(part, name));
}

const POINTS = 7;

/** Fixed points for named symbols: fractional parts of multiples of roots, which no identity hits by chance. */
function points(
  names: readonly string[],
  sort: "positive" | "signed",
): Map<string, Complex>[] {
  const count = names.length === 0 ? 1 : POINTS;
  return Array.from({ length: count }, (_, p) =>
    new Map(names.map((name, i) => {
      const seed = (p + 1) * (Math.SQRT2 + i * 0.2360679775) + i * 0.618033988749895;
      const value = 0.35 + 2.9 * (seed % 1);
      return [name, [sort === "signed" && (p + i) % 2 === 0 ? -value : value, 0] as Complex];
    })));
}
