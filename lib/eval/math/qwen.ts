/**
 * The judge of Qwen2.5-Math's evaluation: text of the last box, words and units stripped, then numbers
 * within 1e-4, brackets ignored, tuples part by part, equations up to sign, symbolic.
 */
import { strip } from "../choice/python_text.ts";
import type { Expr } from "./expr.ts";
import { print, symbols } from "./expr.ts";
import { evaluate } from "./evaluate.ts";
import { fixFractions, fixQuotient, withoutShortName } from "./hendrycks.ts";
import { equalValues } from "./math_verify_grader.ts";
import { normalized } from "./math_verify_latex.ts";
import { readValue, type Value } from "./math_verify_reader.ts";
import { unwrap } from "./minerva.ts";
import { wordsToNumber } from "./number_words.ts";
import { fixRootWords, respell, withoutTextEnd, withoutZeros } from "./opencompass_v2.ts";
import { parseRelation } from "./parse.ts";
import { equalScalars, factor } from "./scalars.ts";
import { isClose, pyFloat, stripEnd, stripSet } from "./text.ts";

const UNITS =
  ("east|degree|mph|kmph|ft|m sqaure| m east|sq m|deg|mile|q .|monkey|prime|ratio|profit of rs|rd|o|gm|" +
    "p . m|lb|tile|per|dm|lt|gain|ab|way|west|a .|b .|c .|d .|e .|f .|g .|h .|t|a|h|no change|men|" +
    "soldier|pie|bc|excess|st|inches|noon|percent|by|gal|kmh|c|acre|rise|a . m|th|π r 2|sq|mark|l|toy|" +
    "coin|sq . m|gallon|° f|profit|minw|yr|women|feet|am|pm|hr|cu cm|square|v â € ™|are|rupee|rounds|" +
    "cubic|cc|mtr|s|ohm|number|kmph|day|hour|minute|min|second|man|woman|sec|cube|mt|sq inch|mp|" +
    "∏ cm ³|hectare|more|sec|unit|cu . m|cm 2|rs .|rs|kg|g|month|km|m|cm|mm|apple|liter|loss|yard|" +
    "pure|year|increase|decrease|d|less|Surface|litre|pi sq m|s .|metre|meter|inch").split("|");

/** Units between characters that are not of words; a point in a unit stands for any character. */
const UNIT_RULES = [...UNITS, ...UNITS.map((unit) => `${unit}s`)].map((unit) => ({
  /** Characters the text must hold for the rule to matter. */
  needed: unit.split(".")[0]!,
  rule: new RegExp(`(^|[^\\p{L}\\p{N}_])${unit}($|[^\\p{L}\\p{N}_])`, "gu"),
}));

/** Longest answer whose units are stripped; longer ones are no answers. */
const MAX_STRIPPED = 4096;

/** The normal form of an answer. */
export function stripQwen(text: string): string {
  let s = stripEnd(strip(text).replaceAll("\n", ""), ".").replaceAll("\\!", "");
  s = arrays(s).replaceAll("bmatrix", "pmatrix");
  s = s.replaceAll("tfrac", "frac").replaceAll("dfrac", "frac");
  s = s.replaceAll("\\neq", "\\ne").replaceAll("\\leq", "\\le").replaceAll("\\geq", "\\ge");
  s = s.replaceAll("\\left", "").replaceAll("\\right", "");
  s = withoutTextEnd(s.replaceAll("\\{", "{").replaceAll("\\}", "}"));
  if (s.length <= MAX_STRIPPED) s = withoutUnits(s);
  for (const gone of ["^{\\circ}", "^\\circ", "\\$", "$", "\\(", "\\)"]) s = s.replaceAll(gone, "");
  s = unwrap(wordsToNumber(s) ?? s, "\\text{");
  for (const sign of ["=", "\\in", "\\to"]) {
    for (const name of "xyz") s = s.replaceAll(`${name}${sign}`, "");
  }
  s = s.replaceAll("\\emptyset", "{}").replaceAll("(-\\infty,\\infty)", "\\mathbb{R}");
  s = s.replaceAll("\\%", "").replaceAll("%", "");
  s = respell(s.replaceAll(" .", " 0.").replaceAll("{.", "{0."));
  s = withoutZeros(s, 0);
  if (s === "") return s;
  if (s.startsWith(".")) s = `0${s}`;
  s = fixRootWords(withoutShortName(s)).replaceAll(" ", "");
  return quotientWithRoots(fixFractions(s)!);
}

/** `\begin{array}{...}` as a pmatrix. */
function arrays(text: string): string {
  const open = "\\begin{array}{";
  let s = "";
  let from = 0;
  for (let at = text.indexOf(open); at >= 0; at = text.indexOf(open, from)) {
    const end = text.indexOf("}", at + open.length);
    if (end < 0) break;
    s += `${text.slice(from, at)}\\begin{pmatrix}`;
    from = end + 1;
  }
  return (s + text.slice(from)).replaceAll("\\end{array}", "\\end{pmatrix}");
}

function withoutUnits(text: string): string {
  let s = text;
  for (let round = 0; round < 2; round++) {
    for (const { needed, rule } of UNIT_RULES) {
      if (s.includes(needed)) s = s.replace(rule, "$1$2") || s;
    }
  }
  return s;
}

/** `a/b` as a fraction, of integers or of texts with a root. */
function quotientWithRoots(text: string): string {
  const parts = text.split("/");
  if (parts.length !== 2 || !parts.some((part) => part.includes("sqrt"))) return fixQuotient(text)!;
  const whole = parts.every((part) => part.includes("sqrt") || /^-?(?:0|[1-9]\d*)$/.test(part));
  return whole ? `\\frac{${parts[0]}}{${parts[1]}}` : text;
}

/** The answer in a reply: last box, else after a cue, else the last number; stripped. */
export function extractQwen(reply: string): string {
  const text = reply.replaceAll("\u043a\u0438", "");
  let answer = findAnswer(text).replace(/\n\s*/g, "");
  if (answer.startsWith(":")) answer = answer.slice(1);
  if (answer.endsWith(".")) answer = answer.slice(0, -1);
  if (answer.endsWith("/")) answer = answer.slice(0, -1);
  return stripQwen(answer);
}

function findAnswer(text: string): string {
  const after = (cue: string) => text.slice(text.lastIndexOf(cue) + cue.length);
  const minerva = text.indexOf("final answer is $");
  if (minerva >= 0 && text.includes("$. I hope")) {
    return strip(text.slice(minerva + 17).split("$. I hope")[0]!);
  }
  if (text.includes("boxed")) {
    const rest = after("boxed");
    return rest.startsWith("{") ? openBraced(rest) : strip(rest.split("$")[0]!);
  }
  if (text.includes("he answer is")) return strip(after("he answer is"));
  if (text.includes("final answer is")) return strip(after("final answer is"));
  if (text.includes("答案是")) return strip(strip(text.split("答案是")[1]!).split("\n\n")[0]!);
  return text.replaceAll(",", "").match(/-?\p{Nd}*\.\p{Nd}+|-?\p{Nd}+/gu)?.at(-1) ?? "";
}

/** Inside of the brace that `text` starts with; of an unclosed one everything. */
function openBraced(text: string): string {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "{") depth++;
    else if (text[i] === "}" && --depth === 0) return text.slice(1, i);
  }
  return text.slice(1);
}

/** Calls of the comparison within one pair, which calls itself on parts. */
const MAX_CALLS = 2000;

/** Whether two stripped answers are equal under the rule. */
export function equalQwen(answer: string, gold: string): boolean {
  return new Qwen().equal(answer, gold);
}

class Qwen {
  #calls = 0;
  readonly #steps = { left: 200_000 };

  equal(answer: string, gold: string): boolean {
    if (++this.#calls > MAX_CALLS) return false;
    if (strip(answer).toLowerCase() === strip(gold).toLowerCase()) return true;
    if (/^[A-E]$/.test(gold) && choice(answer) === gold) return true;
    const x = digits(answer);
    const y = digits(gold);
    if (x !== undefined && y !== undefined) {
      return [y / 100, y, y * 100].some((value) => isClose(value, x, 1e-4));
    }
    if (answer === "") return false;
    return this.#equalTexts(strip(answer), strip(gold));
  }

  #equalTexts(answer: string, reference: string): boolean {
    const gold = answer.includes("pmatrix") && !reference.includes("pmatrix")
      ? setsAsMatrices(reference)
      : reference;
    if (withoutBrackets(answer, gold)) return true;
    if (this.#parts(answer, gold) || this.#rows(answer, gold)) return true;
    const a = answer.split("=");
    const b = gold.split("=");
    if (a.length === 2 && b.length === 2) {
      const [x, y] = [a, b].map(([left, right]) => `${strip(left!)} - (${strip(right!)})`);
      if (this.#symbolic(x!, y!) || this.#symbolic(`-(${x})`, y!)) return true;
    } else if (a.length === 2 && b.length === 1 && strip(a[0]!).length <= 2) {
      if (this.equal(a[1]!, gold)) return true;
    } else if (b.length === 2 && a.length === 1 && strip(b[0]!).length <= 2) {
      if (this.equal(answer, b[1]!)) return true;
    }
    return this.#symbolic(answer, gold);
  }

  /** `(a, b)` against `[c, d]`: a with c, b with d. */
  #parts(answer: string, gold: string): boolean {
    const tuple = /^[([][^\n][^\n]*[)\]]/;
    if (!tuple.test(answer) || !tuple.test(gold)) return false;
    return this.#each(answer.slice(1, -1).split(","), gold.slice(1, -1).split(","));
  }

  #rows(answer: string, gold: string): boolean {
    const matrix = (s: string) =>
      /^\\begin\{[pb]matrix\}/.test(s) && /\\end\{[pb]matrix\}$/.test(s);
    if (!matrix(answer) || !matrix(gold)) return false;
    const lines = (s: string) =>
      s.slice(15, -13).split("\\\\").map(strip).filter((line) => line !== "");
    const x = lines(answer);
    const y = lines(gold);
    return x.length === y.length &&
      x.every((line, i) => this.#each(line.split("&"), y[i]!.split("&")));
  }

  #each(a: readonly string[], b: readonly string[]): boolean {
    return a.length === b.length && a.every((part, i) => this.equal(part, b[i]!));
  }

  #symbolic(a: string, b: string): boolean {
    const x = readAny(a);
    const y = readAny(b);
    if (typeof x === "string" || typeof y === "string") {
      // Only matrices survive the last reader that is tried.
      const [m, n] = [a, b].map(readMatrix);
      return x === y || (m !== undefined && n !== undefined && equalValues(m, n));
    }
    if (x.relation === "" || y.relation === "") {
      return x.relation === y.relation && this.#scalars(x.sides[0]!, y.sides[0]!);
    }
    if (
      x.relation === y.relation &&
      x.sides.every((side, i) => print(side) === print(y.sides[i]!))
    ) return true;
    // Sides as far apart make relations equal, whatever their signs.
    const c = factor(difference(x.sides), difference(y.sides), this.#steps);
    return c !== undefined && Math.abs(Math.abs(c) - 1) < 1e-9;
  }

  #scalars(a: Expr, b: Expr): boolean {
    if (equalScalars(a, b, this.#steps)) return true;
    if (symbols(a, b).length > 0) return false;
    const [x, y] = [a, b].map((e) => evaluate(e, { steps: this.#steps, at: new Map() }));
    return x![1] === 0 && y![1] === 0 && isClose(x![0], y![0], 1e-4);
  }
}

function difference([left, right]: readonly Expr[]): Expr {
  return { kind: "add", args: [left!, { kind: "mul", args: [MINUS, right!] }] };
}

const MINUS: Expr = { kind: "num", value: { n: -1n, d: 1n } };

/** An expression, whose relation is empty, or two sides of a relation. */
interface Reading {
  readonly sides: readonly Expr[];
  readonly relation: string;
}

/** What sympy's `parse_latex` reads at the start of a text. */
export function readSympy(text: string): Reading | undefined {
  const read = parseRelation(text, SYMPY);
  // Chains of relations make truth values that no later step compares.
  if (!read || read.relations.length > 1) return undefined;
  const [relation = ""] = read.relations;
  return {
    sides: read.sides,
    relation: relation.replace(/^\\([lg]e|ne)q?(?:q|slant)?$/, "\\$1"),
  };
}

/** What the first of several readers makes of a text, else the text; the last takes a tilde for a blank. */
function readAny(text: string): Reading | string {
  return readSympy(text.replaceAll("\\\\", "\\")) ?? readSympy(text) ??
    readSympy(text.replaceAll("~", " ")) ?? text;
}

/** A matrix, with a factor or units, as latex2sympy reads it. */
function readMatrix(text: string): Value | undefined {
  if (!text.includes("matrix") || text.length > MAX_STRIPPED || /\\approx|−/.test(text)) return;
  const value = readValue(normalized(text));
  return value?.kind === "matrix" ? value : undefined;
}

const SYMPY = { prefix: true, grammar: "sympy" } as const;

function choice(answer: string): string {
  const s = stripEnd(stripEnd(stripSet(answer, "\n"), "."), "/").replace(/^ +| +$/g, "")
    .replace(/^:+/, "");
  const letters = s.toUpperCase().match(/(?<![\p{L}\p{N}_])[A-E](?![\p{L}\p{N}_])/gu);
  return letters?.at(-1) ?? stripEnd(stripEnd(stripSet(strip(s), "."), "."), "/");
}

/** A number with commas and perhaps a percent sign. */
function digits(text: string): number | undefined {
  const s = text.replaceAll(",", "");
  const value = pyFloat(s);
  if (value !== undefined || !s.endsWith("%")) return value;
  const part = pyFloat(s.slice(0, s.endsWith("\\%") ? -2 : -1));
  return part === undefined ? undefined : part / 100;
}

function setsAsMatrices(text: string): string {
  return strip(text).split("\n").map((line) => {
    const start = line.indexOf("{");
    const end = line.lastIndexOf("}");
    const set = line.slice(start, end + 1);
    return start >= 0 && end > start && set.includes(",") ? set : undefined;
  }).filter((set) => set !== undefined)
    .map((set) => `\\begin{pmatrix}${stripSet(set, "{}").replaceAll(",", "\\")}\\end{pmatrix}`)
    .join(", ");
}

function withoutBrackets(answer: string, gold: string): boolean {
  const square = answer.startsWith("[") && answer.endsWith("]") && !gold.startsWith("(");
  const round = answer.startsWith("(") && answer.endsWith(")") && !gold.startsWith("[");
  const [a, b] = [answer, gold].map((s) =>
    (square || round ? stripSet(s, "[]()") : s).replace(/[{}()]/g, "").toLowerCase()
  );
  return a === b;
}
