/** Rounding as Python does it: of the exact value of a float, halves to even. */
import { PyError } from "./py_value.ts";

/** A float as `numerator / 2^shift`, exactly. */
export function exactFraction(value: number): { numerator: bigint; shift: number } {
  let shift = 0;
  let scaled = value;
  // Doubling is exact; 1074 is the exponent of the smallest float.
  while (!Number.isInteger(scaled)) {
    scaled *= 2;
    shift++;
  }
  return { numerator: BigInt(scaled), shift };
}

/** `numerator / denominator` to the nearest integer, halves to even; the denominator is positive. */
export function divideToEven(numerator: bigint, denominator: bigint): bigint {
  const negative = numerator < 0n;
  const size = negative ? -numerator : numerator;
  const floor = size / denominator;
  const twice = 2n * (size % denominator);
  const up = twice > denominator || (twice === denominator && floor % 2n === 1n);
  const rounded = up ? floor + 1n : floor;
  return negative ? -rounded : rounded;
}

/** `round(value, digits)`; without digits a float becomes an int. */
export function roundDecimal(value: number | bigint, digits: number | null): number | bigint {
  if (typeof value === "bigint") {
    if (digits === null || digits >= 0) return value;
    if (digits < -1000) return 0n;
    const unit = 10n ** BigInt(-digits);
    return divideToEven(value, unit) * unit;
  }
  if (!Number.isFinite(value)) {
    if (digits !== null) return value;
    const what = Number.isNaN(value) ? "float NaN" : "float infinity";
    throw new PyError("OverflowError", `cannot convert ${what} to integer`);
  }
  if (digits === null) return scaledToEven(value, 0);
  if (digits > 400) return value;
  if (digits < -400) return value < 0 ? -0 : 0;
  const rounded = scaledToEven(value, digits);
  return rounded === 0n && value < 0 ? -0 : Number(`${rounded}e${-digits}`);
}

/** `value * 10^digits` to the nearest integer. */
function scaledToEven(value: number, digits: number): bigint {
  const { numerator, shift } = exactFraction(value);
  const denominator = 2n ** BigInt(shift);
  const unit = 10n ** BigInt(Math.abs(digits));
  return digits >= 0
    ? divideToEven(numerator * unit, denominator)
    : divideToEven(numerator, denominator * unit);
}

/** `f"{value:.{digits}f}"` of a finite number. */
export function fixedPoint(value: number | bigint, digits: number): string {
  const scaled = typeof value === "bigint"
    ? value * 10n ** BigInt(digits)
    : scaledToEven(value, digits);
  const text = String(scaled < 0n ? -scaled : scaled).padStart(digits + 1, "0");
  const cut = text.length - digits;
  const negative = value < 0 || Object.is(value, -0);
  return `${negative ? "-" : ""}${text.slice(0, cut)}${digits > 0 ? "." : ""}${text.slice(cut)}`;
}
