/**
 * The grader of prm800k (Lightman et al., 2023): string rules, then a difference that simplifies to zero
 * for expressions of at most two letters.
 */
import { strip } from "../choice/python_text.ts";
import { evaluate, exact, type Steps } from "./evaluate.ts";
import { children, type Expr, fn, hasDecimal, int, symbols } from "./expr.ts";
import { stripHendrycks } from "./hendrycks.ts";
import { latexToText } from "./latex_text.ts";
import { parsePython } from "./python_expr.ts";
import { toNumber } from "./rational.ts";
import { equalScalars } from "./scalars.ts";
import { pyFloat } from "./text.ts";

/** Whether two answers are equal under the rule; undefined stands for an answer not found. */
export function equalPrm800k(answer: string | undefined, gold: string): boolean {
  if (answer === undefined) return false;
  if (mathd(gold) === mathd(answer)) return true;
  const x = normalize(gold);
  const y = normalize(answer);
  if (x === y) return true;
  if (y === "") return false;
  const golds = elements(x);
  const given = elements(y);
  if (golds.length > 1 && (x[0] !== y[0] || x.at(-1) !== y.at(-1))) return false;
  return golds.length === given.length && golds.every((g, i) => equalElements(g, given[i]!));
}

function equalElements(gold: string, given: string): boolean {
  // Fractions must be reduced, and whole numbers written out.
  const fraction = /^-?[0-9]+[^\n]?\/0*[1-9][0-9]*[^\n]?$/;
  if (fraction.test(gold) && fraction.test(given)) return gold === given;
  return isWhole(gold) === isWhole(given) && sameExpression(gold, given);
}

/** The MATH-dataset form: outer `\text{}` off, then hendrycks' rules. */
function mathd(answer: string): string {
  const s = strip(answer);
  const inside = /^\\text\{([^\n]+)\}$/.exec(s)?.[1];
  const text = inside === undefined ? s : strip(inside);
  return stripHendrycks(text) ?? s;
}

const UNITS =
  "degree cm centimeter meter mile second minute hour day week month year foot feet inch yard"
    .split(" ").map((unit) => new RegExp(`${unit}(?:es)?s? *(?:\\^[0-9]+)?`, "g"));

function normalize(answer: string): string {
  let s = /^\\text\{([^\n]+)\}$/.exec(answer)?.[1] ?? answer;
  s = s.replaceAll("\\%", "%").replaceAll("\\$", "$").replace(/[$%]/g, "");
  s = s.replaceAll(" or ", " , ").replaceAll(" and ", " , ");
  s = s.replaceAll("million", "*10^6").replaceAll("billion", "*10^9")
    .replaceAll("trillion", "*10^12");
  for (const unit of UNITS) s = s.replace(unit, "");
  s = s.replace(/\^ *\\circ/g, "");
  if (s.startsWith("{") && s.endsWith("}")) s = s.slice(1, -1);
  s = s.replace(/,\\! */g, "");
  const value = pyFloat(s);
  if (value !== undefined && nearWhole(value)) s = BigInt(Math.round(value)).toString();
  if (s.includes("\\")) s = readable(s);
  s = s.replace(/- */g, "-").replace(/([0-9]) +([0-9])/g, "$1+$2").replace(/[ {}]/g, "");
  s = s.toLowerCase();
  return isWhole(s) ? BigInt(Math.trunc(pyFloat(s.replaceAll(",", ""))!)).toString() : s;
}

function readable(latex: string): string {
  const s = latex.replaceAll("\\tfrac", "\\frac").replaceAll("\\dfrac", "\\frac")
    .replaceAll("\\frac", " \\frac");
  return strip(
    latexToText(s).replaceAll("√", "sqrt").replaceAll("π", "pi").replaceAll("∞", "inf")
      .replaceAll("∪", "U").replaceAll("·", "*").replaceAll("×", "*"),
  );
}

function nearWhole(x: number): boolean {
  return Number.isFinite(x) && Math.abs(x - Math.round(x)) <= 1e-7;
}

function isWhole(text: string): boolean {
  const value = pyFloat(withoutThousands(text));
  return value !== undefined && nearWhole(value);
}

/** Commas before three digits and no fourth go. */
function withoutThousands(text: string): string {
  return text.replace(/(?<=\d),(?=\d{3}(?!\d))/g, "");
}

/** Parts of a tuple or interval without further brackets, else the whole. */
function elements(text: string): string[] {
  const s = withoutThousands(text);
  if (s === "") return [];
  const inside = /^[()[\]]([^()[\]]+)[()[\]]$/.exec(s)?.[1];
  return inside === undefined ? [s] : inside.split(",").map(strip);
}

const NAMES = {
  functions: { sqrt: "sqrt", ln: "ln", sin: "sin", exp: "exp" },
  values: { pi: fn("pi"), oo: { kind: "sym", name: "oo" } as Expr },
};

function sameExpression(gold: string, given: string): boolean {
  const difference = `(${gold})-(${given})`;
  const letters = difference.replaceAll("sqrt", "").replaceAll("frac", "").match(/\p{L}/gu);
  if (new Set(letters).size > 2) return false;
  if (/\^[{(]|\^[0-9]+\^|\^[0-9][0-9]/.test(difference)) return false;
  const e = parsePython(difference.replaceAll("^", "**"), NAMES);
  if (!e) return false;
  const steps = { left: 100_000 };
  // Decimals are doubles there, and their difference must be zero to the last bit.
  if (hasDecimal(e) && symbols(e).length === 0) return rounded(e, steps) === 0;
  return equalScalars(e, int(0), steps);
}

/** Value in doubles, exact parts rounded once. */
function rounded(e: Expr, steps: Steps): number {
  const value = hasDecimal(e) ? undefined : exact(e, steps);
  if (value) return toNumber(value);
  const parts = children(e).map((part) => rounded(part, steps));
  if (e.kind === "add") return parts.reduce((a, b) => a + b);
  if (e.kind === "mul") return parts.reduce((a, b) => a * b);
  if (e.kind === "pow") return parts[0]! ** parts[1]!;
  return evaluate(e, { steps, at: new Map() })[0];
}
