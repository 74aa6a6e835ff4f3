/**
 * String equivalence of hendrycks/math (Hendrycks et al., 2021), and the repairs of LaTeX shorthand
 * that later rules share with it. A rule that raises in Python gives undefined here.
 */
import { pyInt } from "./text.ts";

/** How the copies of these repairs differ. */
export interface RepairOptions {
  /** An empty rest after `\frac` raises instead of leaving the text as it is. */
  readonly raises?: boolean;
}

/** `\frac12` and `\frac1{2}` with their braces. */
export function fixFractions(text: string, { raises = false }: RepairOptions = {}) {
  const [head, ...rest] = text.split("\\frac");
  let fixed = head!;
  for (const part of rest) {
    if (part === "" && raises) return undefined;
    fixed += "\\frac";
    if (part.startsWith("{")) {
      fixed += part;
      continue;
    }
    const [a, b] = part;
    if (a === undefined || b === undefined) return text;
    const after = part.slice(a.length + b.length);
    fixed += b === "{" ? `{${a}}{${after}` : `{${a}}{${b}}${after}`;
  }
  return fixed;
}

/** `a/b` of two integers as a fraction; with `raises`, undefined where another pair is divided. */
export function fixQuotient(text: string, { raises = false }: RepairOptions = {}) {
  const parts = text.split("/");
  if (parts.length !== 2) return text;
  const [a, b] = parts.map(pyInt);
  if (a === undefined || b === undefined) return raises ? undefined : text;
  return text === `${a}/${b}` ? `\\frac{${a}}{${b}}` : text;
}

/** The part before `\text{ `, which marks units; undefined for two of them. */
function withoutRightUnits(text: string): string | undefined {
  const parts = text.split("\\text{ ");
  return parts.length > 2 ? undefined : parts[0];
}

/** `\sqrt3` with its braces. */
function fixRoots(text: string): string | undefined {
  const [head, ...rest] = text.split("\\sqrt");
  let fixed = head!;
  for (const part of rest) {
    if (part === "") return undefined;
    const [first] = part;
    fixed += part.startsWith("{")
      ? `\\sqrt${part}`
      : `\\sqrt{${first}}${part.slice(first!.length)}`;
  }
  return fixed;
}

/** The right side of an equation whose left side has at most two characters. */
export function withoutShortName(text: string): string {
  const sides = text.split("=");
  return sides.length === 2 && [...sides[0]!].length <= 2 ? sides[1]! : text;
}

/** The normal form that is compared; `quotientRaises` as in the copies that catch less. */
export function stripHendrycks(
  text: string,
  { quotientRaises = false }: { quotientRaises?: boolean } = {},
): string | undefined {
  let s: string | undefined = text.replaceAll("\n", "").replaceAll("\\!", "")
    .replaceAll("\\\\", "\\").replaceAll("tfrac", "frac").replaceAll("dfrac", "frac")
    .replaceAll("\\left", "").replaceAll("\\right", "")
    .replaceAll("^{\\circ}", "").replaceAll("^\\circ", "").replaceAll("\\$", "");
  s = withoutRightUnits(s);
  if (s === undefined) return undefined;
  s = s.replaceAll("\\%", "").replaceAll(" .", " 0.").replaceAll("{.", "{0.");
  if (s === "") return s;
  if (s.startsWith(".")) s = `0${s}`;
  s = fixRoots(withoutShortName(s));
  if (s === undefined) return undefined;
  s = fixFractions(s.replaceAll(" ", ""), { raises: true });
  if (s === undefined) return undefined;
  if (s === "0.5") s = "\\frac{1}{2}";
  return fixQuotient(s, { raises: quotientRaises });
}

/** Whether two answers are equal under the rule; undefined stands for an answer not found. */
export function equalHendrycks(
  a: string | undefined,
  b: string | undefined,
  options: { quotientRaises?: boolean } = {},
): boolean {
  if (a === undefined || b === undefined) return a === b;
  const x = stripHendrycks(a, options);
  const y = stripHendrycks(b, options);
  return x === undefined || y === undefined ? a === b : x === y;
}
