/** Exact rational numbers on BigInt, bounded in size. */

/** A fraction n/d, d > 0; not always in lowest terms when large. */
export interface Rational {
  readonly n: bigint;
  readonly d: bigint;
}

/** Numbers of more bits than this are given up. */
const MAX_BITS = 1 << 20;
const LIMIT = 1n << BigInt(MAX_BITS);
const SHORT = 1n << 1024n;
/** Fractions of more bits are left unreduced: the Euclidean algorithm is quadratic. */
const REDUCE_BELOW = 1n << 4096n;

/** n/d in lowest terms; undefined for d = 0 and for numbers too large. */
export function ratio(n: bigint, d = 1n): Rational | undefined {
  if (d === 0n) return undefined;
  if (d < 0n) [n, d] = [-n, -d];
  if (d === 1n) return { n, d };
  if (d < REDUCE_BELOW && n < REDUCE_BELOW && -n < REDUCE_BELOW) {
    const g = gcd(n, d);
    return { n: n / g, d: d / g };
  }
  return { n, d };
}

/** Greatest common divisor, never negative. */
export function gcd(a: bigint, b: bigint): bigint {
  a = a < 0n ? -a : a;
  b = b < 0n ? -b : b;
  while (b > 0n) [a, b] = [b, a % b];
  return a;
}

/** Value of decimal digits such as `12`, `.5`, `3.`. */
export function fromDecimal(digits: string): Rational {
  const [whole = "", part = ""] = digits.split(".");
  return ratio(BigInt(`${whole}${part}` || "0"), 10n ** BigInt(part.length))!;
}

/** a + b. */
export function plus(a: Rational, b: Rational): Rational | undefined {
  return a.d === b.d
    ? sized(ratio(a.n + b.n, a.d))
    : sized(ratio(a.n * b.d + b.n * a.d, a.d * b.d));
}

/** a · b. */
export function times(a: Rational, b: Rational): Rational | undefined {
  return sized(ratio(a.n * b.n, a.d * b.d));
}

/** a^b where it is rational: integer b, or a perfect power under a root of at most 64. */
export function power(a: Rational, b: Rational): Rational | undefined {
  if (b.d !== 1n) {
    if (a.n < 0n || b.d > 64n) return undefined;
    const n = root(a.n, b.d);
    const d = root(a.d, b.d);
    return n === undefined || d === undefined ? undefined : power({ n, d }, { n: b.n, d: 1n });
  }
  if (b.n < 0n) {
    const inverse = ratio(a.d, a.n);
    return inverse && power(inverse, { n: -b.n, d: 1n });
  }
  if (a.d === 1n && (a.n === 0n || a.n === 1n)) return b.n === 0n ? ONE : a;
  if (a.d === 1n && a.n === -1n) return b.n % 2n === 0n ? ONE : a;
  if (b.n > BigInt(MAX_BITS) || Math.max(bits(a.n), bits(a.d)) * Number(b.n) > MAX_BITS) {
    return undefined;
  }
  return { n: a.n ** b.n, d: a.d ** b.n };
}

/** 1. */
export const ONE: Rational = { n: 1n, d: 1n };

/** Exact k-th root of n >= 0. */
function root(n: bigint, k: bigint): bigint | undefined {
  if (n < 2n) return n;
  if (bits(n) > 4096) return undefined;
  let x = 1n << (BigInt(bits(n)) / k + 1n);
  for (;;) {
    const next = ((k - 1n) * x + n / x ** (k - 1n)) / k;
    if (next >= x) break;
    x = next;
  }
  return x ** k === n ? x : undefined;
}

/** Whether a = b, without reducing. */
export function same(a: Rational, b: Rational): boolean {
  if (a.d === b.d) return a.n === b.n;
  return a.n * b.d === b.n * a.d;
}

/** Largest integer not above a. */
export function floor(a: Rational): bigint {
  const q = a.n / a.d;
  return a.n < 0n && q * a.d !== a.n ? q - 1n : q;
}

/** Nearest double; infinite when out of range. */
export function toNumber(a: Rational): number {
  const shift = Math.max(0, Math.max(bits(a.n), bits(a.d)) - 1000);
  if (shift === 0) return Number(a.n) / Number(a.d);
  // The quotient keeps 64 bits; its exponent is put back afterwards.
  const up = bits(a.d) - bits(a.n) + 64;
  const q = up >= 0 ? (a.n << BigInt(up)) / a.d : (a.n >> BigInt(-up)) / a.d;
  return Number(q) * 2 ** -Math.trunc(up / 2) * 2 ** -(up - Math.trunc(up / 2));
}

/** Length in bits, up to three too many; printing a long number would take longer than work with it. */
export function bits(n: bigint): number {
  let rest = n < 0n ? -n : n;
  let length = 0;
  for (let step = MAX_BITS; step > 0 && rest >= SHORT; step >>= 1) {
    const high = rest >> BigInt(step);
    if (high === 0n) continue;
    length += step;
    rest = high;
  }
  return length + rest.toString(16).length * 4;
}

function sized(a: Rational | undefined): Rational | undefined {
  return a && a.d < LIMIT && a.n < LIMIT && -a.n < LIMIT ? a : undefined;
}
