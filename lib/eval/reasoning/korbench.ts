/** KOR-Bench (Ma et al., 2024): the official judging by category, rule and item, and OpenCompass's copy of it. */
import { bounded, pythonPattern, strip } from "../choice/python_text.ts";
import { field } from "../choice/row.ts";
import { asciiDigits, stripSet } from "../math/text.ts";
import { arithmetic } from "./arithmetic.ts";
import { sameExpressions } from "./korbench_latex.ts";
import { unwrapped } from "./markup.ts";
import type { Doc, Score } from "../task.ts";

/** What stands for an answer without brackets. */
const NONE = "NULL";

/** Operation items whose golds are expressions. */
const EXPRESSIONS = new Set([
  ...[18, 73, 74, 77, 94, 115, 116, 117, 121, 122, 123, 125, 131, 132, 134, 135, 136, 141, 143],
  ...[145, 146, 147, 149, 151, 152, 153, 154, 155, 156, 160, 161, 162, 164, 165, 166, 170, 206],
  ...[209, 211, 212, 213, 214, 215, 217, 218],
]);

/**
 * `is_correct`: official; `is_correct_no_latex`: expressions as strings, as in the published table;
 * `opencompass`: items are not told apart; `is_real_life`: the real world's answer to a counterfactual.
 */
export function scoreKorbench(text: string, doc: Doc): Score {
  const answer = bounded(text);
  const gold = field(doc, "answer");
  if (gold === "") return { metrics: {} };
  const item = { category: field(doc, "category"), rule: field(doc, "rule_id") };
  const idx = Number(field(doc, "idx"));
  const judge = (reference: string, rest: { idx: number; latex: boolean }) =>
    judged(answer, reference, { ...item, ...rest }) ? 1 : 0;
  const realLife = field(doc, "real_life_answer");
  const real = item.category === "counterfactual" && realLife !== "";
  const found = inBrackets(answer);
  return {
    metrics: {
      is_correct: judge(gold, { idx, latex: true }),
      is_correct_no_latex: judge(gold, { idx, latex: false }),
      opencompass: judge(gold, { idx: 0, latex: true }),
      ...(real ? { is_real_life: judge(realLife, { idx, latex: true }) } : {}),
    },
    extracted: found === undefined ? null : `[[${found}]]`,
    ...(found === undefined ? { unparsed: true } : {}),
  };
}

interface Judging {
  readonly category: string;
  readonly rule: string;
  readonly idx: number;
  /** Expressions are compared as such. */
  readonly latex: boolean;
}

function judged(answer: string, gold: string, { category, rule, idx, latex }: Judging): boolean {
  if (category === "logic") return sameLogic(answer, gold, rule);
  if (category === "puzzle") return samePuzzle(inner(answer), inner(gold), rule);
  const said = cleaned(answer);
  if (category !== "operation") return said === gold;
  if (idx === 178 || idx === 179) return sameLists(inequalities(said), inequalities(gold));
  if (rule === "18") return sortedLetters(said) === sortedLetters(inner(gold));
  if (["23", "24", "25"].includes(rule)) return sameLists(integers(said), integers(gold));
  if (EXPRESSIONS.has(idx)) {
    const [x, y] = [expression(answer), expression(gold)];
    if (x === undefined || y === undefined) return false;
    return latex ? sameExpressions(x, y) : x === y;
  }
  if (!gold.includes("or")) return said === gold;
  const plain = said.replaceAll("\\text{or}", "or");
  return said !== NONE && sameLists(alternatives(plain), alternatives(cleaned(gold)));
}

/** What stands in the first double brackets, else in a dollar box, else in single brackets. */
function inBrackets(text: string): string | undefined {
  const found = between(text, "[[", "]]") ?? between(text, "$\\boxed{", "}$") ??
    between(text, "[", "]");
  return found === undefined ? undefined : strip(found);
}

/** The text of the first `head ... tail`. */
function between(text: string, head: string, tail: string): string | undefined {
  const start = text.indexOf(head);
  const end = start < 0 ? -1 : text.indexOf(tail, start + head.length);
  return end < 0 ? undefined : text.slice(start + head.length, end);
}

/** The bracketed text without quotes, line breaks, blanks and the characters of `more`, in double brackets. */
function stripped(text: string, more: RegExp): string {
  const found = inBrackets(text);
  return found === undefined ? NONE : `[[${found.replace(/["\n ]/g, "").replace(more, "")}]]`;
}

function cleaned(text: string): string {
  return stripped(text, /[[\]]/g);
}

function inner(text: string): string {
  return between(text, "[[", "]]") ?? NONE;
}

function sameLogic(answer: string, gold: string, rule: string): boolean {
  const said = stripped(answer, /\./g);
  // Of the gold only rule 5's comparison is of the raw text.
  return rule === "5"
    ? sameLists(said.split(";").sort(), gold.split(";").sort())
    : said === stripped(gold, /\./g);
}

function sameLists(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((x, i) => x === b[i]);
}

const INEQUALITY = pythonPattern("([≥≤])\\s*(-?\\d+(?:\\.\\d*)?)", { global: true });

function inequalities(text: string): string[] {
  return [...text.matchAll(INEQUALITY)].map(([, sign, number]) => `${sign}${number}`).sort();
}

function integers(text: string): string[] {
  return asciiDigits(text).match(/\d+/g)?.map((digits) => digits.replace(/^0+(?=\d)/, "")) ?? [];
}

/** What parts at "or", sorted. */
function alternatives(text: string): string[] {
  return stripSet(text, "[]").split("or").map(strip).sort();
}

/** An expression for comparison: behind the last `=`, without LaTeX's spacing and words. */
function expression(text: string): string | undefined {
  const found = inBrackets(text);
  if (found === undefined) return undefined;
  const right = found.replace(/["\n[\]$]/g, "").split("=").at(-1)!.replace(/\\[()]/g, "");
  return unwrapped(right, "text", "").replace(/\\(?:left|right|displaystyle)/g, "")
    .replaceAll("\\\\", "\\");
}

const NOT_WORD = pythonPattern("\\W", { global: true });
const BETWEEN_WORDS = pythonPattern("\\W+");
const BLANK = pythonPattern("\\s", { global: true });
const COMMA_OR_BLANK = pythonPattern("[,\\s[\\]]", { global: true });

function sortedLetters(text: string): string {
  return [...text.replace(NOT_WORD, "")].sort().join("");
}

function letters(text: string): string {
  return text.replace(/[^A-Za-z]/g, "").toLowerCase();
}

/** Judging of a puzzle's bracketed text by its rule. */
function samePuzzle(said: string, gold: string, rule: string): boolean {
  switch (rule) {
    case "1":
      return letters(said) === letters(gold);
    case "2":
      return gold.split(",").includes(letters(said));
    case "3": {
      const words = said.toLowerCase().split(BETWEEN_WORDS).filter((word) => word !== "");
      return sameLists(words.sort(), gold.split(" ").sort());
    }
    case "4":
      return gold.includes(letters(said));
    case "5":
      return sameLists(said.replace(BLANK, "").split(",").sort(), gold.split(",").sort());
    case "9":
      return sameOperators(plainOperators(said), plainOperators(gold));
    case "10":
      return makes24(plainOperators(said), gold);
    case "18":
      return said.replace(COMMA_OR_BLANK, "") === gold.replace(COMMA_OR_BLANK, "");
    default:
      return said.replace(NOT_WORD, "") === gold.replace(NOT_WORD, "");
  }
}

function plainOperators(text: string): string {
  return text.replaceAll("×", "*").replaceAll("−", "-");
}

/** Rule 9: the gold's operators in order, and left of `=` its result. */
function sameOperators(said: string, gold: string): boolean {
  const left = said.split("=")[0];
  const operators = (text: string) => text.match(/[-+*/]/g) ?? [];
  const result = /=\s*(-?\d+)/.exec(gold)?.[1];
  return sameLists(operators(left), operators(gold.split("=")[0])) && result !== undefined &&
    arithmetic(left) === Number(result);
}

/** Rule 10: the gold's numbers in any order make 24. */
function makes24(said: string, gold: string): boolean {
  const left = said.split("=")[0];
  return sortedLetters(left) === sortedLetters(gold.split("\n")[0].split("=")[0]) &&
    arithmetic(left) === 24;
}
