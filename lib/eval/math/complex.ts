/** Complex doubles, principal branches; functions are named after what they compute. */

/** Real and imaginary part. */
export type Complex = readonly [re: number, im: number];

/** 0. */
export const ZERO: Complex = [0, 0];
/** 1. */
export const ONE: Complex = [1, 0];

export const cAdd = (a: Complex, b: Complex): Complex => [a[0] + b[0], a[1] + b[1]];
export const cSub = (a: Complex, b: Complex): Complex => [a[0] - b[0], a[1] - b[1]];
export const cScale = (a: Complex, k: number): Complex => [a[0] * k, a[1] * k];
export const cAbs = (a: Complex): number => Math.hypot(a[0], a[1]);
const isReal = (a: Complex): boolean => a[1] === 0;

export function cMul(a: Complex, b: Complex): Complex {
  if (isReal(a) && isReal(b)) return [a[0] * b[0], 0];
  return [a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]];
}

export function cDiv(a: Complex, b: Complex): Complex {
  if (isReal(a) && isReal(b)) return [a[0] / b[0], 0];
  const d = b[0] * b[0] + b[1] * b[1];
  return [(a[0] * b[0] + a[1] * b[1]) / d, (a[1] * b[0] - a[0] * b[1]) / d];
}

export function cExp(a: Complex): Complex {
  const m = Math.exp(a[0]);
  return isReal(a) ? [m, 0] : [m * Math.cos(a[1]), m * Math.sin(a[1])];
}

export function cLog(a: Complex): Complex {
  if (isReal(a) && a[0] > 0) return [Math.log(a[0]), 0];
  return [Math.log(cAbs(a)), Math.atan2(a[1], a[0])];
}

export function cSqrt(a: Complex): Complex {
  if (isReal(a)) return a[0] >= 0 ? [Math.sqrt(a[0]), 0] : [0, Math.sqrt(-a[0])];
  const m = cAbs(a);
  const re = Math.sqrt((m + a[0]) / 2);
  return [re, Math.sign(a[1]) * Math.sqrt((m - a[0]) / 2)];
}

export function cPow(a: Complex, b: Complex): Complex {
  if (isReal(a) && isReal(b) && (a[0] >= 0 || Number.isInteger(b[0]))) return [a[0] ** b[0], 0];
  if (isReal(b) && b[0] === 0.5) return cSqrt(a);
  if (isReal(b) && Number.isInteger(b[0]) && Math.abs(b[0]) <= 64) return intPow(a, b[0]);
  if (a[0] === 0 && a[1] === 0) return b[0] > 0 ? ZERO : [NaN, NaN];
  return cExp(cMul(b, cLog(a)));
}

function intPow(a: Complex, n: number): Complex {
  let result: Complex = ONE;
  let square = a;
  for (let i = Math.abs(n); i > 0; i >>= 1) {
    if (i & 1) result = cMul(result, square);
    square = cMul(square, square);
  }
  return n < 0 ? cDiv(ONE, result) : result;
}

const I: Complex = [0, 1];

export function cSin(a: Complex): Complex {
  if (isReal(a)) return [Math.sin(a[0]), 0];
  return [Math.sin(a[0]) * Math.cosh(a[1]), Math.cos(a[0]) * Math.sinh(a[1])];
}

export function cCos(a: Complex): Complex {
  if (isReal(a)) return [Math.cos(a[0]), 0];
  return [Math.cos(a[0]) * Math.cosh(a[1]), -Math.sin(a[0]) * Math.sinh(a[1])];
}

export function cSinh(a: Complex): Complex {
  if (isReal(a)) return [Math.sinh(a[0]), 0];
  return cMul([0, -1], cSin(cMul(I, a)));
}

export function cCosh(a: Complex): Complex {
  return isReal(a) ? [Math.cosh(a[0]), 0] : cCos(cMul(I, a));
}

export function cTanh(a: Complex): Complex {
  return isReal(a) ? [Math.tanh(a[0]), 0] : cDiv(cSinh(a), cCosh(a));
}

export function cAsin(a: Complex): Complex {
  if (isReal(a) && Math.abs(a[0]) <= 1) return [Math.asin(a[0]), 0];
  // -i ln(iz + sqrt(1 - z^2))
  return cMul([0, -1], cLog(cAdd(cMul(I, a), cSqrt(cSub(ONE, cMul(a, a))))));
}

export function cAcos(a: Complex): Complex {
  if (isReal(a) && Math.abs(a[0]) <= 1) return [Math.acos(a[0]), 0];
  return cSub([Math.PI / 2, 0], cAsin(a));
}

export function cAtan(a: Complex): Complex {
  if (isReal(a)) return [Math.atan(a[0]), 0];
  // i/2 (ln(1 - iz) - ln(1 + iz))
  const iz = cMul(I, a);
  return cMul([0, 0.5], cSub(cLog(cSub(ONE, iz)), cLog(cAdd(ONE, iz))));
}

export function cAsinh(a: Complex): Complex {
  return isReal(a) ? [Math.asinh(a[0]), 0] : cMul([0, -1], cAsin(cMul(I, a)));
}

export function cAcosh(a: Complex): Complex {
  if (isReal(a) && a[0] >= 1) return [Math.acosh(a[0]), 0];
  return cLog(cAdd(a, cMul(cSqrt(cSub(a, ONE)), cSqrt(cAdd(a, ONE)))));
}

export function cAtanh(a: Complex): Complex {
  if (isReal(a) && Math.abs(a[0]) < 1) return [Math.atanh(a[0]), 0];
  return cScale(cSub(cLog(cAdd(ONE, a)), cLog(cSub(ONE, a))), 0.5);
}

/** Lanczos coefficients, g = 7, n = 9 (Godfrey). */
const LANCZOS = [
  0.99999999999980993,
  676.5203681218851,
  -1259.1392167224028,
  771.32342877765313,
  -176.61502916214059,
  12.507343278686905,
  -0.13857109526572012,
  9.9843695780195716e-6,
  1.5056327351493116e-7,
];

/** The gamma function by Lanczos' formula, reflected for real parts below 1/2; about 15 digits. */
export function cGamma(z: Complex): Complex {
  if (isReal(z) && Number.isInteger(z[0]) && z[0] <= 0) return [NaN, NaN];
  if (z[0] < 0.5) {
    const s = cMul(cSin(cScale(z, Math.PI)), cGamma(cSub(ONE, z)));
    return cDiv([Math.PI, 0], s);
  }
  const x = cSub(z, ONE);
  let sum: Complex = [LANCZOS[0]!, 0];
  for (let i = 1; i < LANCZOS.length; i++) {
    sum = cAdd(sum, cDiv([LANCZOS[i]!, 0], cAdd(x, [i, 0])));
  }
  const t = cAdd(x, [7.5, 0]);
  const log = cSub(cMul(cAdd(x, [0.5, 0]), cLog(t)), t);
  return cScale(cMul(cExp(log), sum), Math.sqrt(2 * Math.PI));
}
