/**
 * Math-Verify with the options that OpenCompass passes: its extraction (boxes first, joined; nothing
 * without an anchor) in front of the equality judge, and the limits of its reader that change verdicts.
 */
import { isEnclosed, split } from "./answer.ts";
import { MAX_ANSWER } from "./surface.ts";
import { braced } from "./text.ts";
import { equalAnswers } from "./equal.ts";
import { isReadable, lastSide, normalized } from "./math_verify_latex.ts";

/** What is taken for the answer; `percent` for a percent sign behind its formula. */
export interface Extracted {
  readonly text: string;
  readonly percent: boolean;
}

/** Whether what `extractMathVerify` found is the gold answer. */
export function equalMathVerify(answer: Extracted | undefined, gold: string): boolean {
  return answer !== undefined && equalExtracted(answer, goldText(gold));
}

/** Gold answers stand between dollar signs; a box inside is opened. */
function goldText(gold: string): string {
  const boxes = joinedBoxes(gold, "all");
  return boxes ?? gold;
}

/** Decimals are compared after rounding to so many places. */
const PLACES = 6;

function equalExtracted({ text, percent }: Extracted, gold: string): boolean {
  if (text.length > MAX_ANSWER) return text.trim() === gold.trim();
  const [alone, wanted] = [lastSide(normalized(text)), normalized(gold)] as [string, string];
  if (alone === "" || shortened(alone)) return false;
  if (alone === wanted) return true;
  const said = percent ? `${alone}\\%` : alone;
  if (!isReadable(said) || !isReadable(wanted) || signedInside(said)) return false;
  const words = [said, wanted].map(onlyWords);
  if (words.some((word) => word !== undefined)) {
    const symbol = (s: string) => s.replace(/[\s()]/g, "").toLowerCase();
    return symbol(words[0] ?? said) === symbol(words[1] ?? wanted);
  }
  // With a lone i a text is complex, and its symbols differ from those of one without.
  const [a, b] = [said, wanted].map((s) => ({
    lone: /\bi\b/.test(s),
    any: /i/.test(s.replace(/\\[A-Za-z]+/g, "")),
  }));
  if (a!.any && b!.any && a!.lone !== b!.lone) return false;
  const equal = (gold: string, said: string) =>
    equalAnswers(asRead(gold), asRead(said), {
      foldCase: true,
      places: PLACES,
      percent: "factor",
      lists: "sets",
    });
  if (equal(wanted, said)) return true;
  // What states more than the other side gives its value; a name before the other's equation stays.
  const [x, y] = [
    isEquation(said) ? wanted : stated(wanted, () => true),
    isEquation(wanted) ? said : stated(said, isName),
  ] as const;
  return equal(asTuple(x, y), asTuple(y, x));
}

/** Commas part digits unless the whole text is one number. */
const THOUSANDS = /^-?\d{1,3}(?:,\d{3})+(?:\.\d+)?$/;
const SEPARATORS = [",", ";"];

/** A list beside a tuple is compared in its order. */
function asTuple(text: string, other: string): string {
  const isList = split(text, SEPARATORS).parts.length > 1;
  return isList && isEnclosed(other) ? `(${text})` : text;
}

/** The values that an answer states, without approximations and what is `named` before an equals sign. */
function stated(answer: string, named: (side: string) => boolean): string {
  if (THOUSANDS.test(answer)) return answer;
  return split(answer, SEPARATORS).parts.map((part) => {
    const sides = equationSides(exact(part));
    return sides.length > 1 && named(sides[0]!) ? sides.at(-1)!.trim() : exact(part);
  }).join(", ");
}

/** What stands before an approximation; the decimal behind it where that alone is known. */
function exact(part: string): string {
  const [value, decimal] = split(part, ["\\approx", "≈"]).parts as [string, string?];
  return (decimal !== undefined && !/\d|\\pi(?![A-Za-z])/.test(value) ? decimal : value).trim();
}

/** Symbols alone, without numbers and roots, name the value that they equal. */
function isName(side: string): boolean {
  return !/\d(?!\})|\\sqrt/.test(side.replace(/_\d/g, ""));
}

function isEquation(answer: string): boolean {
  return equationSides(answer).length > 1;
}

const UNEQUAL = "< > \\lt \\gt \\le \\leq \\ge \\geq \\ne \\neq".split(" ");

function equationSides(text: string): string[] {
  return split(text, UNEQUAL).found.length > 0 ? [text] : split(text, ["=", "\\equiv"]).parts;
}

/** Words behind a factor are another one, and no unit where more stands behind them. */
const FACTOR = /(?<=[\w)}\]] ?)\\(?:text|mbox) ?\{ ?([A-Za-z]+) ?\}/g;

/**
 * Commas part digits unless the whole text is one number, a number beside a binomial is read as a mixed number,
 * the base of digits is passed over, and digits and letters side by side are factors.
 */
function asRead(text: string): string {
  return text.replaceAll(",", THOUSANDS.test(text) ? "" : ", ")
    .replace(FACTOR, (_, word: string) => word.length > 1 ? `\\mathcal{${word}}` : ` ${word}`)
    .replace(
      /(\d) *(?=\\[dt]?binom)/g,
      "$1+",
    )
    .replace(/\\over(?![A-Za-z])/g, "/")
    .replace(/(?<=\d)(?:\s|\\[,;:])+(?=\d)/g, " \\cdot ")
    .replace(/^\s*(\d+) *_ *(?:\{ *\d+ *\}|\d+)\s*$/, "$1")
    .replace(
      /\\[A-Za-z]+(?:\s*\{[^{}]*\})?|_\s*\{[^{}]*\}|([A-Za-z]{2,})/g,
      (all, letters) => letters ? [...letters].join("\\cdot ") : all,
    );
}

function onlyWords(text: string): string | undefined {
  return /^\s*\\(?:text|mbox|math(?!bb))[a-z]*\s*\{([^{}]*)\}\s*$/.exec(text)?.[1];
}

/** Shorthand that the reader does not repair in predictions. */
function shortened(answer: string): boolean {
  const s = answer.replace(/\s/g, "");
  return /\\[dtc]?frac(?:[^{]|\{[^{}]*\}[^{])/.test(s) || /\\sqrt[^{[]/.test(s);
}

/** Plus-minus is read between two whole terms alone, not inside brackets other than a set's. */
function signedInside(s: string): boolean {
  const signs = s.indexOf("\\pm");
  return signs >= 0 && unclosed(s.slice(0, signs).replaceAll("\\{", ""));
}

function unclosed(text: string): boolean {
  let depth = 0;
  for (const c of text) {
    if ("({[".includes(c)) depth++;
    else if (")}]".includes(c)) depth--;
  }
  return depth > 0;
}

/** The text of a reply that is taken for the answer: boxes, else a formula after "answer". */
export function extractMathVerify(reply: string): Extracted | undefined {
  const formulas = new Formulas(reply);
  return boxedText(reply, formulas) ?? afterFinal(reply, formulas) ?? afterAnswer(reply, formulas);
}

/** The match that ends last: a formula with boxes, else all from the first box to the last brace. */
function boxedText(reply: string, formulas: Formulas): Extracted | undefined {
  const first = reply.indexOf("\\boxed{");
  const last = reply.lastIndexOf("}");
  const plain = first >= 0 && last > first + 7 ? last + 1 : -1;
  const found = formulas.lastBoxed();
  if (found && found.end > plain) return joined(found);
  const text = plain < 0 ? undefined : joinedBoxes(reply.slice(first, plain), "last");
  return text === undefined ? undefined : { text, percent: false };
}

/** Boxes joined by commas; `last` leaves out those that stand apart from what follows them. */
function joinedBoxes(text: string, mode: "all" | "last"): string | undefined {
  const results: string[] = [];
  const starts = [...text.matchAll(/\\(?:boxed|fbox)\s*/g)].reverse();
  let next: number | undefined;
  for (const { index, 0: command } of starts) {
    const open = index + command.length;
    const box = text[open] === "{" ? braced(text.slice(0, next), open) : undefined;
    if (!box) {
      if (results.length === 0 && open < text.length) results.push(text.slice(open));
      break;
    }
    const inside = box.inside.trim();
    if (mode === "last" && next !== undefined) {
      const between = text.slice(box.close + 1, next);
      const near = between.length < 10 ||
        (results.at(-1) !== inside && between.length < 70 && /\b(?:and|or)\b|,|;/.test(between));
      if (!near) break;
    }
    if (results.at(-1) !== inside) results.push(inside);
    next = index;
  }
  return results.length === 0 ? undefined : results.reverse().join(",");
}

interface Formula {
  readonly start: number;
  readonly end: number;
  /** Insides of the formulas that joining words connect. */
  readonly parts: readonly Extracted[];
}

/** Longest chain of formulas joined by commas, "and" or "or". */
const MAX_JOINED = 6;

const DELIMITERS = [
  { open: "$$", close: "$$", oneLine: false },
  { open: "\\[", close: "\\]", oneLine: false },
  { open: "$", close: "$", oneLine: true },
  { open: "\\(", close: "\\)", oneLine: true },
] as const;

/** The formulas of a text; looks every mark up once, so that a walk over the text is linear. */
class Formulas {
  readonly #seen = new Map<string, { from: number; at: number }>();

  constructor(private readonly text: string) {}

  /** The last chain of formulas with a box inside. */
  lastBoxed(): Formula | undefined {
    let found: Formula | undefined;
    if (this.#next("\\boxed{", 0) < 0) return undefined;
    for (let next = this.chain(0, { boxed: true }); next;) {
      found = next;
      next = this.chain(next.end, { boxed: true });
    }
    return found;
  }

  /** The first chain that starts at `from` or after it, up to `latest`. */
  chain(
    from: number,
    { latest = this.text.length, boxed = false }: { latest?: number; boxed?: boolean } = {},
  ): Formula | undefined {
    for (let at = this.#start(from); at >= 0 && at <= latest; at = this.#start(at + 1)) {
      const first = this.#at(at, boxed);
      if (first) return this.#joined(at, first, boxed);
    }
    return undefined;
  }

  /** Where a formula may next start, at `from` or after it. */
  #start(from: number): number {
    return this.#once("start", from, () => {
      const start = /\$|\\\[|\\\(|-?\\frac\{/g;
      start.lastIndex = from;
      return start.exec(this.text)?.index ?? -1;
    });
  }

  #joined(start: number, first: Extracted & { end: number }, boxed: boolean): Formula {
    const parts: Extracted[] = [first];
    let end = first.end;
    while (parts.length < MAX_JOINED) {
      const join = /\s*(?:,?and|,?or|,)\s*/y;
      join.lastIndex = end;
      const next = join.test(this.text) ? this.#at(join.lastIndex, boxed) : undefined;
      if (!next) break;
      parts.push(next);
      end = next.end;
    }
    return { start, end, parts };
  }

  /** The formula that starts at `start`. */
  #at(start: number, boxed: boolean): Extracted & { end: number } | undefined {
    const { text } = this;
    if (text[start - 1] === "\\") return undefined;
    for (const { open, close, oneLine } of DELIMITERS) {
      if (!text.startsWith(open, start)) continue;
      if (open === "$" && /\d/.test(text[start - 1] ?? "")) continue;
      const from = start + open.length;
      let end = this.#next(close, from);
      while (open === "$" && text[end - 1] === "\\") end = this.#next(close, end + 1);
      if (end <= from || text[end - 1] === "\\") continue;
      if (oneLine && inRange(this.#next("\n", from), end)) continue;
      if (boxed && !this.#hasBox(from, end)) continue;
      return this.#withPercent(text.slice(from, end), end + close.length);
    }
    const fraction = /-?\\frac\{-?\d+(?:[.,]\d+)?\}\{-?\d+(?:[.,]\d+)?\}/y;
    fraction.lastIndex = start;
    const m = boxed ? null : fraction.exec(text);
    return m ? this.#withPercent(m[0], fraction.lastIndex) : undefined;
  }

  #hasBox(from: number, end: number): boolean {
    const box = this.#next("\\boxed{", from);
    return inRange(box, end) && inRange(this.#next("}", box + 8), end);
  }

  #withPercent(text: string, end: number): Extracted & { end: number } {
    const percent = /\s*(?:\\?%|[Pp]ercent(?:age)?|[Pp]ct)?/y;
    percent.lastIndex = end;
    const found = percent.exec(this.text)![0];
    return { text, percent: found.trim() !== "", end: end + found.length };
  }

  /** Where `mark` next occurs at `from` or after it. */
  #next(mark: string, from: number): number {
    return this.#once(mark, from, () => this.text.indexOf(mark, from));
  }

  /** What `find` finds at `from` or after it, unless an earlier search has passed over `from`. */
  #once(name: string, from: number, find: () => number): number {
    const seen = this.#seen.get(name);
    if (seen && seen.from <= from && (seen.at < 0 || from <= seen.at)) return seen.at;
    const at = find();
    this.#seen.set(name, { from, at });
    return at;
  }
}

function inRange(at: number, end: number): boolean {
  return at >= 0 && at < end;
}

function joined(formula: Formula | undefined): Extracted | undefined {
  if (!formula) return undefined;
  const parts = formula.parts.map(({ text, percent }) => ({
    text: joinedBoxes(text, "all") ?? text,
    percent,
  }));
  if (parts.length === 1) return parts[0];
  const list = parts.map(({ text, percent }) => percent ? `${text}\\%` : text);
  return { text: list.join(","), percent: false };
}

/** The formula right after the last "final answer ... is", at most a hundred characters apart. */
function afterFinal(text: string, formulas: Formulas): Extracted | undefined {
  let found: Formula | undefined;
  for (const cue of text.matchAll(/final answer/gi)) {
    const from = cue.index + cue[0].length;
    for (const is of text.slice(from, from + 150).matchAll(/\sis:?\s*/g)) {
      if (is.index > 100) break;
      const at = from + is.index + is[0].length;
      const formula = formulas.chain(at, { latest: at });
      if (!formula) continue;
      found = formula;
      break;
    }
  }
  return joined(found);
}

/** The last formula that starts within fifty characters of "answer:", else of "answer". */
function afterAnswer(text: string, formulas: Formulas): Extracted | undefined {
  for (const cue of [/answer:/gi, /answer/gi]) {
    let found: Formula | undefined;
    for (let m = cue.exec(text); m; m = cue.exec(text)) {
      const formula = formulas.chain(cue.lastIndex, { latest: cue.lastIndex + 50 });
      if (!formula) continue;
      found = formula;
      cue.lastIndex = formula.end;
    }
    if (found) return joined(found);
  }
  return undefined;
}
