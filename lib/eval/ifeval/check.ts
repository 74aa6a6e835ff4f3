/** What the checks of instructions share. */
import { escaped } from "../coding/extract.ts";
import { pythonPattern } from "../choice/python_text.ts";
import type { LanguageDetector } from "./langdetect.ts";
import type { Punkt } from "./punkt.ts";

/** An instruction's arguments as the row has them; the hub's copy lists absent ones as null. */
export type Args = Readonly<Record<string, unknown>>;

/** Tables that some checks need. */
export interface TextTools {
  readonly punkt: Punkt;
  readonly languages: LanguageDetector;
}

/** Whether a response follows an instruction. */
export type Check = (response: string, args: Args, tools: TextTools) => boolean;

/** An argument as a string; "" when absent. */
export function textArg(args: Args, name: string): string {
  const value = args[name];
  return typeof value === "string" ? value : "";
}

/** An argument as strings; none when absent. */
export function textsArg(args: Args, name: string): string[] {
  const value = args[name];
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

/** An argument as a number; NaN, which no count is less than, at least or equal to, when absent. */
export function numberArg(args: Args, name: string): number {
  const value = args[name];
  return typeof value === "number" ? value : NaN;
}

/** The row's "less than" or "at least" between a count and its bound. */
export function related(
  count: number,
  args: Args,
  names: { readonly relation: string; readonly bound: string },
): boolean {
  const bound = numberArg(args, names.bound);
  return args[names.relation] === "less than" ? count < bound : count >= bound;
}

/**
 * An argument as part of a pattern, as the official checks use it: `.` matches any character. One that is no
 * pattern here, or that repeats without bound, which could take more than linear time, stands for itself.
 */
export function patternOf(
  source: string,
  { before = "", after = "", ignoreCase = false }: {
    readonly before?: string;
    readonly after?: string;
    readonly ignoreCase?: boolean;
  } = {},
): RegExp {
  const options = { global: true, ignoreCase };
  if (!/[*+{]/.test(source)) {
    try {
      return pythonPattern(`${before}${source}${after}`, options);
    } catch {
      // Not a pattern: below.
    }
  }
  return pythonPattern(`${before}${escaped(source)}${after}`, options);
}

/** How often a pattern matches, without overlap. */
export function countOf(text: string, pattern: RegExp): number {
  let count = 0;
  for (const _ of text.matchAll(pattern)) count++;
  return count;
}
