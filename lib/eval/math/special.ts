/** Special functions of a real argument, and integrals by the double exponential rule. */
import { cAbs, cAdd, cGamma, type Complex, cScale, cSub } from "./complex.ts";

const SQRT_PI = Math.sqrt(Math.PI);
const EULER = 0.5772156649015329;

/** Error function: 2/√π e^(-x²) Σ 2^n x^(2n+1) / (2n+1)!!, complement beyond 3. */
export function erf(x: number): number {
  if (Math.abs(x) > 3) return Math.sign(x) * (1 - erfc(Math.abs(x)));
  let term = x;
  let sum = x;
  for (let n = 1; n < 200 && Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= 2 * x * x / (2 * n + 1);
    sum += term;
  }
  return 2 / SQRT_PI * Math.exp(-x * x) * sum;
}

/** Complementary error function, by its continued fraction beyond 3. */
export function erfc(x: number): number {
  if (x < 3) return 1 - erf(x);
  let fraction = 0;
  for (let k = 60; k >= 1; k--) fraction = k / 2 / (x + fraction);
  return Math.exp(-x * x) / SQRT_PI / (x + fraction);
}

/** Imaginary error function -i erf(ix): 2/√π Σ x^(2n+1) / (n! (2n+1)). */
export function erfi(x: number): number {
  let power = x;
  let sum = x;
  for (let n = 1; n < 2000; n++) {
    power *= x * x / n;
    sum += power / (2 * n + 1);
    if (!(Math.abs(power) > 1e-17 * Math.abs(sum))) break;
  }
  return 2 / SQRT_PI * sum;
}

/** Exponential integral Ei: series, below -1 by the continued fraction of E1. */
export function ei(x: number): number {
  if (x < -1) {
    let fraction = 0;
    for (let k = 200; k >= 1; k--) fraction = k / (1 + k / (-x + fraction));
    return -Math.exp(x) / (-x + fraction);
  }
  let power = 1;
  let sum = EULER + Math.log(Math.abs(x));
  for (let n = 1; n < 1000; n++) {
    power *= x / n;
    sum += power / n;
    if (!(Math.abs(power) > 1e-18 * Math.abs(sum))) break;
  }
  return sum;
}

/** Ai(0) and -Ai'(0). */
const AI0 = 0.3550280538878172;
const AI1 = 0.2588194037928068;

/** Airy function Ai: power series; beyond 2 the integral DLMF 9.5.8, below -8 the asymptotic series. */
export function airyAi(x: number): number {
  const zeta = 2 / 3 * Math.abs(x) ** 1.5;
  if (x > 2) {
    const tail = integrate(
      (t) => [Math.exp(-t) * t ** (-1 / 6) * (2 + t / zeta) ** (-1 / 6), 0],
      0,
      Infinity,
    );
    const scale = SQRT_PI * 48 ** (1 / 6) * cGamma([5 / 6, 0])[0];
    return Math.exp(-zeta) * zeta ** (-1 / 6) / scale * tail[0];
  }
  if (x < -8) {
    const [even, odd] = airySums(zeta);
    const angle = zeta + Math.PI / 4;
    return (Math.sin(angle) * even - Math.cos(angle) * odd) / (SQRT_PI * (-x) ** 0.25);
  }
  let f = 1;
  let g = x;
  let sum = AI0 - AI1 * x;
  for (let k = 1; k < 200; k++) {
    f *= x ** 3 / ((3 * k - 1) * 3 * k);
    g *= x ** 3 / (3 * k * (3 * k + 1));
    sum += AI0 * f - AI1 * g;
  }
  return sum;
}

/** Even and odd parts of Σ u_k / zeta^k, signs changing in pairs (DLMF 9.7.9). */
function airySums(zeta: number): [even: number, odd: number] {
  let term = 1;
  const sums: [number, number] = [1, 0];
  for (let k = 1; k < 30; k++) {
    const next = term * (6 * k - 5) * (6 * k - 3) * (6 * k - 1) / (216 * k * (2 * k - 1)) / zeta;
    if (Math.abs(next) > Math.abs(term)) break;
    term = next;
    sums[k % 2 as 0 | 1] += (k >> 1) % 2 === 0 ? term : -term;
  }
  return sums;
}

/** Beta function Γ(a)Γ(b)/Γ(a+b) of real arguments. */
export function beta(a: number, b: number): number {
  return cGamma([a, 0])[0] * cGamma([b, 0])[0] / cGamma([a + b, 0])[0];
}

const LEVELS = 7;

/** Integral of f from a to b, either infinite, by the double exponential rule (Takahasi and Mori, 1974). */
export function integrate(f: (x: number) => Complex, a: number, b: number): Complex {
  if (a === b) return [0, 0];
  if (a > b) return cScale(integrate(f, b, a), -1);
  const node = nodeOf(a, b);
  let step = 1;
  let sum = weighted(f, node(0));
  for (let t = step; t <= 5; t += step) sum = cAdd(sum, bothSides(f, node, t));
  let value = cScale(sum, step);
  for (let level = 0; level < LEVELS; level++) {
    step /= 2;
    for (let t = step; t <= 5; t += 2 * step) sum = cAdd(sum, bothSides(f, node, t));
    const next = cScale(sum, step);
    const change = cAbs(cSub(next, value));
    value = next;
    if (level > 2 && change <= 1e-13 * cAbs(value)) break;
  }
  return value;
}

type Node = readonly [x: number, weight: number];

function nodeOf(a: number, b: number): (t: number) => Node {
  const half = Math.PI / 2;
  if (a === -Infinity && b === Infinity) {
    return (t) => {
      const u = half * Math.sinh(t);
      return [Math.sinh(u), half * Math.cosh(t) * Math.cosh(u)];
    };
  }
  if (b === Infinity || a === -Infinity) {
    const sign = b === Infinity ? 1 : -1;
    const from = b === Infinity ? a : b;
    return (t) => {
      const u = Math.exp(half * Math.sinh(t));
      return [from + sign * u, half * Math.cosh(t) * u];
    };
  }
  return (t) => {
    const u = half * Math.sinh(t);
    // Measured from the nearer end, where the function may be singular.
    const part = (b - a) / (1 + Math.exp(2 * Math.abs(u)));
    const weight = (b - a) / 2 * half * Math.cosh(t) / Math.cosh(u) ** 2;
    return [u < 0 ? a + part : b - part, weight];
  };
}

function bothSides(f: (x: number) => Complex, node: (t: number) => Node, t: number): Complex {
  return cAdd(weighted(f, node(t)), weighted(f, node(-t)));
}

function weighted(f: (x: number) => Complex, [x, weight]: Node): Complex {
  if (weight === 0 || !Number.isFinite(weight) || !Number.isFinite(x)) return [0, 0];
  const value = cScale(f(x), weight);
  // Ends of an interval may be singular; their weight is next to nothing.
  return Number.isFinite(value[0]) && Number.isFinite(value[1]) ? value : [0, 0];
}
