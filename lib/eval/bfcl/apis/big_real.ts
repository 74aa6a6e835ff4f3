/**
 * Real numbers of a chosen precision, as far as MathAPI shows them: `Decimal.sqrt()` of Python and
 * `log` of mpmath, both rounded to the nearest, and the texts that `repr` gives.
 */
import { divideToEven, exactFraction } from "../../calls/py_round.ts";
import { PyError, PyObject } from "../../calls/py_value.ts";

/** `digits * 10^exponent`. */
class PyDecimal extends PyObject {
  readonly type = "Decimal";

  constructor(readonly digits: bigint, readonly exponent: number) {
    super();
  }

  repr(): string {
    return `Decimal('${scientific(String(this.digits), this.exponent)}')`;
  }
}

/** `Decimal(number).sqrt()` with `precision` digits, of a number that is not negative. */
export function decimalRoot(number: number | bigint, precision: number): PyDecimal {
  const { digits, exponent } = exactDecimal(number);
  if (digits === 0n) return new PyDecimal(0n, exponent >> 1);
  const radicand = exponent % 2 === 0 ? digits : digits * 10n;
  const half = exponent >> 1;
  const whole = isqrt(radicand);
  if (whole * whole === radicand) return rounded(new PyDecimal(whole, half), precision);
  // Digits beyond the precision: the root of the number times 100^shift, of which the last digit only
  // tells that more follow.
  const shift = Math.max(0, precision + 2 - String(whole).length);
  const root = isqrt(radicand * 100n ** BigInt(shift));
  return rounded(new PyDecimal(root * 10n + 1n, half - shift - 1), precision);
}

function rounded({ digits, exponent }: PyDecimal, precision: number): PyDecimal {
  const excess = String(digits).length - precision;
  if (excess <= 0) return new PyDecimal(digits, exponent);
  const kept = divideToEven(digits, 10n ** BigInt(excess));
  const carried = String(kept).length > precision;
  return carried
    ? new PyDecimal(kept / 10n, exponent + excess + 1)
    : new PyDecimal(kept, exponent + excess);
}

function exactDecimal(number: number | bigint): { digits: bigint; exponent: number } {
  if (typeof number === "bigint") return { digits: number, exponent: 0 };
  if (!Number.isFinite(number)) {
    throw new PyError("NotImplementedError", "infinities have no root here");
  }
  const { numerator, shift } = exactFraction(number);
  return { digits: numerator * 5n ** BigInt(shift), exponent: -shift };
}

/** Largest integer whose square is not above `n`. */
function isqrt(n: bigint): bigint {
  if (n < 2n) return n;
  let x = 1n << BigInt((n.toString(2).length + 1) >> 1);
  for (;;) {
    const y = (x + n / x) >> 1n;
    if (y >= x) return x;
    x = y;
  }
}

/** Text of `digits * 10^exponent` as the General Decimal Arithmetic specification writes it. */
function scientific(digits: string, exponent: number): string {
  const point = exponent + digits.length;
  const plain = exponent <= 0 && point > -6;
  const at = plain ? point : 1;
  const text = at <= 0
    ? `0.${"0".repeat(-at)}${digits}`
    : at >= digits.length
    ? digits + "0".repeat(at - digits.length)
    : `${digits.slice(0, at)}.${digits.slice(at)}`;
  const power = point - at;
  return power === 0 ? text : `${text}E${power < 0 ? "-" : "+"}${Math.abs(power)}`;
}

/** A binary float of any precision: `mantissa * 2^exponent`, as mpmath's `mpf`. */
class BigReal extends PyObject {
  readonly type = "mpf";

  constructor(
    readonly mantissa: bigint,
    readonly exponent: number,
    /** Bits of the working precision, which decide how many digits are shown. */
    readonly precision: number,
  ) {
    super();
  }

  /** Shown digits, with which the value can be read back. */
  text(): string {
    const digits = Math.max(1, Math.round(this.precision / LOG2_10) - 1);
    return shown(this, digits === 15 ? 17 : digits + 3);
  }

  repr(): string {
    return `mpf('${this.text()}')`;
  }
}

/** A complex number of any precision, as mpmath's `mpc`. */
class BigComplex extends PyObject {
  readonly type = "mpc";

  constructor(readonly real: BigReal, readonly imaginary: BigReal) {
    super();
  }

  repr(): string {
    return `mpc(real='${this.real.text()}', imag='${this.imaginary.text()}')`;
  }
}

const LOG2_10 = 3.3219280948873626;

/** Bits that mpmath works with for so many digits. */
function precisionBits(digits: number): number {
  return Math.max(1, Math.round((digits + 1) * LOG2_10));
}

/** `log(value) / log(base)`, both logarithms and the quotient rounded to `digits` digits. */
export function logarithm(
  value: number | bigint,
  base: number | bigint,
  { digits }: { digits: number },
): BigReal | BigComplex {
  if (value == 0 || base <= 0) {
    throw new PyError("NotImplementedError", "logarithms of zero or to such a base are not shown");
  }
  const bits = precisionBits(digits);
  const divisor = naturalLog(base, bits);
  if (divisor.mantissa === 0n) throw new PyError("ZeroDivisionError", "");
  const real = quotient(naturalLog(value < 0 ? -value : value, bits), divisor);
  if (value > 0) return real;
  const pi = toPrecision(fixedPi(bits + GUARD), -(bits + GUARD), bits);
  return new BigComplex(real, quotient(pi, divisor));
}

/** Extra bits of intermediate results. */
const GUARD = 64;

/** Natural logarithm of a positive number, rounded to `bits` bits. */
function naturalLog(value: number | bigint, bits: number): BigReal {
  if (value == 1) return new BigReal(0n, 0, bits);
  const { numerator, shift } = typeof value === "bigint"
    ? { numerator: value, shift: 0 }
    : exactFraction(value);
  // value = (numerator / 2^size) * 2^(size - shift) with a first factor in [1/2, 1); near 1 the parts
  // nearly cancel, for which doubled guard bits make up.
  const size = numerator.toString(2).length;
  const working = bits + 2 * GUARD + size;
  const one = 1n << BigInt(working);
  const mantissa = numerator << BigInt(working - size);
  const power = BigInt(size - shift);
  const log = 2n * atanhInverse(mantissa - one, mantissa + one, working) + power * ln2(working);
  return toPrecision(log, -working, bits);
}

/** `atanh(p / q)` in fixed point; |p / q| is at most 1/3. */
function atanhInverse(p: bigint, q: bigint, bits: number): bigint {
  const ratio = (p << BigInt(bits)) / q;
  const square = (ratio * ratio) >> BigInt(bits);
  let [term, sum] = [ratio, 0n];
  for (let n = 1n; term !== 0n && term !== -1n; n += 2n) {
    sum += term / n;
    term = (term * square) >> BigInt(bits);
  }
  return sum;
}

/** ln 2 = 2 atanh(1/3), in fixed point. */
function ln2(bits: number): bigint {
  return 2n * atanhInverse(1n, 3n, bits);
}

/** pi by Machin's formula, in fixed point. */
function fixedPi(bits: number): bigint {
  const working = bits + GUARD;
  const arctan = (inverse: bigint) => {
    const square = inverse * inverse;
    let [term, sum] = [(1n << BigInt(working)) / inverse, 0n];
    for (let n = 1n; term !== 0n; n += 2n) {
      sum += n % 4n === 1n ? term / n : -term / n;
      term /= square;
    }
    return sum;
  };
  return (4n * (4n * arctan(5n) - arctan(239n))) >> BigInt(GUARD);
}

function toPrecision(mantissa: bigint, exponent: number, bits: number): BigReal {
  const size = (mantissa < 0n ? -mantissa : mantissa).toString(2).length;
  const excess = size - bits;
  if (excess <= 0) return new BigReal(mantissa, exponent, bits);
  return new BigReal(divideToEven(mantissa, 1n << BigInt(excess)), exponent + excess, bits);
}

function quotient(a: BigReal, b: BigReal): BigReal {
  const shift = 2 * a.precision + GUARD;
  const negative = b.mantissa < 0n;
  const divisor = negative ? -b.mantissa : b.mantissa;
  const dividend = (negative ? -a.mantissa : a.mantissa) << BigInt(shift);
  // A last odd bit stands for the remainder, so that the rounding knows which side of a half it is on.
  const rest = dividend % divisor === 0n ? 0n : 1n;
  const mantissa = (dividend / divisor) * 2n + (dividend < 0n ? -rest : rest);
  return toPrecision(mantissa, a.exponent - shift - b.exponent - 1, a.precision);
}

/** `mantissa * 2^exponent` with so many significant digits, zeros at the end left out. */
function shown({ mantissa, exponent }: BigReal, digits: number): string {
  if (mantissa === 0n) return "0.0";
  const negative = mantissa < 0n;
  const size = negative ? -mantissa : mantissa;
  const log10 = (size.toString(2).length + exponent) / LOG2_10;
  let power = Math.floor(log10); // of the first digit, one too high at times
  let text = decimalDigits(size, exponent, digits - 1 - power);
  while (text.length > digits) text = decimalDigits(size, exponent, digits - 1 - ++power);
  while (text.length < digits) text = decimalDigits(size, exponent, digits - 1 - --power);
  const fixed = power > Math.min(-Math.floor(digits / 3), -5) && power < digits;
  const places = fixed ? power : 0;
  const padded = places < 0 ? "0".repeat(-places) + text : text;
  const point = Math.max(1, places + 1);
  const fraction = padded.slice(point).replace(/0+$/, "");
  const value = `${padded.slice(0, point)}.${fraction || "0"}`;
  const suffix = fixed ? "" : `e${power < 0 ? "-" : "+"}${Math.abs(power)}`;
  return `${negative ? "-" : ""}${value}${suffix}`;
}

/** `size * 2^exponent * 10^scale`, rounded to an integer. */
function decimalDigits(size: bigint, exponent: number, scale: number): string {
  let [top, bottom] = [size, 1n];
  if (exponent >= 0) top <<= BigInt(exponent);
  else bottom <<= BigInt(-exponent);
  if (scale >= 0) top *= 10n ** BigInt(scale);
  else bottom *= 10n ** BigInt(-scale);
  return String(divideToEven(top, bottom));
}
