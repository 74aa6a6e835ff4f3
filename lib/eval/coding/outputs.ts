/** Answers of contest programs compared with the expected ones, as Python would. */

import { strip, words } from "../choice/python_text.ts";
import { asciiDigits } from "../math/text.ts";

/** Same number of lines, each equal as text or token by token as decimals of any length. */
export function sameLines(found: string, wanted: string): boolean {
  const given = strip(found).split("\n");
  const expected = strip(wanted).split("\n");
  return given.length === expected.length &&
    given.every((line, i) => sameLine(strip(line), strip(expected[i])));
}

function sameLine(found: string, wanted: string): boolean {
  if (found === wanted) return true;
  const given = words(found).map(decimal);
  const expected = words(wanted).map(decimal);
  return given.length === expected.length &&
    given.every((value, i) => value !== undefined && value === expected[i]);
}

/**
 * A number as Python's `Decimal` reads it, in one form only, whatever its length; undefined for what is none, and
 * for what equals nothing.
 */
function decimal(token: string): string | undefined {
  const plain = asciiDigits(token.replaceAll("_", ""));
  const infinite = /^([+-]?)inf(?:inity)?$/i.exec(plain);
  if (infinite) return `${infinite[1] === "-" ? "-" : ""}Infinity`;
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,18}))?$/.exec(plain);
  if (!match) return undefined;
  const [, sign, whole, fraction = "", exponent = "0"] = match;
  if (whole + fraction === "") return undefined;
  const digits = stripped(whole + fraction);
  if (digits.text === "") return "0";
  const power = BigInt(exponent) + BigInt(digits.trailing - fraction.length);
  return `${sign === "-" ? "-" : ""}${digits.text}e${power}`;
}

/** Digits without leading and trailing zeros, and how many of the latter there were. */
function stripped(digits: string): { text: string; trailing: number } {
  let [from, to] = [0, digits.length];
  while (from < to && digits[from] === "0") from++;
  while (to > from && digits[to - 1] === "0") to--;
  return { text: digits.slice(from, to), trailing: digits.length - to };
}

/** A number as written. */
class Written {
  constructor(readonly source: string) {}
}

/** JSON values that are equal in Python: 1 = 1.0 = true, integers exactly, floats as doubles. */
export function sameValue(found: string, wanted: string): boolean {
  try {
    return equal(parse(found), parse(wanted));
  } catch {
    return false;
  }
}

function parse(text: string): unknown {
  const keep = (_: string, value: unknown, context?: { source?: string }) =>
    typeof value === "number" ? new Written(context?.source ?? String(value)) : value;
  return JSON.parse(text, keep as (key: string, value: unknown) => unknown);
}

function equal(a: unknown, b: unknown): boolean {
  const [x, y] = [number(a), number(b)];
  if (x !== undefined || y !== undefined) {
    return x !== undefined && y !== undefined && sameNumber(x, y);
  }
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((value, i) => equal(value, b[i]));
  }
  if (a === null || b === null || typeof a !== "object" || typeof b !== "object") return a === b;
  if (Array.isArray(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length &&
    keys.every((key) =>
      Object.hasOwn(b, key) &&
      equal((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key])
    );
}

function number(value: unknown): bigint | number | undefined {
  if (typeof value === "boolean") return value ? 1n : 0n;
  if (!(value instanceof Written)) return undefined;
  return /^-?\d+$/.test(value.source) ? BigInt(value.source) : Number(value.source);
}

function sameNumber(x: bigint | number, y: bigint | number): boolean {
  // A comparison of the two types is exact in JavaScript, as it is in Python.
  return x == y;
}
