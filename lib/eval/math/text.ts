/** Python's reading of numbers, and braces, which the published rules rely on. */

import { strip } from "../choice/python_text.ts";

const DIGIT = /\p{Nd}/gu;

/** Decimal digits of every script as ASCII, as Python's `int` and `float` read them. */
export function asciiDigits(text: string): string {
  return text.replace(DIGIT, (c) => {
    const code = c.codePointAt(0)!;
    if (code < 128) return c;
    // Digits come in runs of ten, zero first; a run's start is what precedes no other digit.
    let zero = code;
    while (code - zero < 9 && /^\p{Nd}$/u.test(String.fromCodePoint(zero - 1))) zero--;
    return String((code - zero) % 10);
  });
}

/** Python's `float(text)`, or undefined where it raises. */
export function pyFloat(text: string): number | undefined {
  let s = strip(asciiDigits(text)).toLowerCase();
  if (/^[+-]?(?:inf|infinity)$/.test(s)) return s.startsWith("-") ? -Infinity : Infinity;
  if (/^[+-]?nan$/.test(s)) return NaN;
  if (s.includes("_")) s = s.replace(/(?<=\d)_(?=\d)/g, "");
  return /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/.test(s) ? Number(s) : undefined;
}

/** Python's `int(text)`, or undefined where it raises. */
export function pyInt(text: string): bigint | undefined {
  const s = strip(asciiDigits(text)).replace(/(?<=\d)_(?=\d)/g, "");
  if (s.length > 4300 || !/^[+-]?\d+$/.test(s)) return undefined;
  return s.startsWith("-") ? -BigInt(s.slice(1)) : BigInt(s.replace("+", ""));
}

/** Python's `str.isdigit`, for the strings that occur: non-empty and digits of any script alone. */
export function isDigits(text: string): boolean {
  return /^[\p{Nd}²³¹⁰⁴-⁹₀-₉]+$/u.test(text);
}

/** Python's `math.isclose` with an absolute tolerance of 0. */
export function isClose(a: number, b: number, relative: number): boolean {
  if (a === b) return true;
  if (!Number.isFinite(a) || !Number.isFinite(b)) return false;
  return Math.abs(a - b) <= relative * Math.max(Math.abs(a), Math.abs(b));
}

/** `text` without leading and trailing characters of `set`, as Python's `str.strip(set)`. */
export function stripSet(text: string, set: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && set.includes(text[from]!)) from++;
  while (to > from && set.includes(text[to - 1]!)) to--;
  return text.slice(from, to);
}

/** `text` without trailing characters of `set`, as Python's `str.rstrip(set)`. */
export function stripEnd(text: string, set: string): string {
  let to = text.length;
  while (to > 0 && set.includes(text[to - 1]!)) to--;
  return text.slice(0, to);
}

/** What stands between the brace at `open` and its partner, and the partner's index. */
export function braced(
  text: string,
  open: number,
): { inside: string; close: number } | undefined {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    if (text[i] === "{") depth++;
    else if (text[i] === "}" && --depth === 0) return { inside: text.slice(open + 1, i), close: i };
  }
  return undefined;
}

/** For every opening brace the index of its partner, else -1; for other characters -1. */
export function bracePartners(text: string): Int32Array {
  const partners = new Int32Array(text.length).fill(-1);
  const open: number[] = [];
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "{") open.push(i);
    else if (text[i] === "}") {
      const start = open.pop();
      if (start !== undefined) partners[start] = i;
    }
  }
  return partners;
}
