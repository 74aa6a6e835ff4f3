/**
 * Math-Verify with the options that OpenCompass passes: its extraction (boxes first, joined; nothing
 * without an anchor) in front of the equality judge, and the limits of its reader that change verdicts.
 */
import { isEnclosed, split } from "./answer.ts";
import { braced } from "./text.ts";
import { equalAnswers } from "./equal.ts";

/** Whether what `extractMathVerify` found is the gold answer. */
export function equalMathVerify(answer: string | undefined, gold: string): boolean {
  return answer !== undefined && equalExtracted(answer, goldText(gold));
}

/** Gold answers stand between dollar signs; a box inside is opened. */
function goldText(gold: string): string {
  const boxes = joinedBoxes(gold, "all");
  return boxes ?? gold;
}

/** Decimals are compared after rounding to so many places. */
const PLACES = 6;

function equalExtracted(answer: string, gold: string): boolean {
  if (shortened(answer)) return false;
  if (answer.trim() === gold.trim()) return true;
  if (unreadable(answer)) return false;
  const words = [answer, gold].map(onlyWords);
  if (words.some((word) => word !== undefined)) {
    const letters = (s: string) => s.replace(/[^\p{L}\p{N}]/gu, "").toLowerCase();
    return letters(words[0] ?? answer) === letters(words[1] ?? gold);
  }
  // With a lone i a text is complex, and its symbols differ from those of one without.
  const [a, b] = [answer, gold].map((s) => ({
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
  if (equal(gold, answer)) return true;
  const isNamed = split(gold, ["="]).found.length > 0;
  const [wanted, said] = [gold, answer].map((text) => stated(text, isNamed)) as [string, string];
  return equal(asTuple(wanted, said), asTuple(said, wanted));
}

const SEPARATORS = [",", ";"];

/** A list beside a tuple is compared in its order. */
function asTuple(text: string, other: string): string {
  const isList = split(text, SEPARATORS).parts.length > 1;
  return isList && isEnclosed(other) ? `(${text})` : text;
}

/** The values that an answer states, without approximations, units and, unless `named`, names. */
function stated(answer: string, named: boolean): string {
  const joined = answer.replace(/\\text\s*\{\s*(?:and|or)\s*\}/g, ",");
  return split(joined, SEPARATORS).parts.map((part) => valueOf(part, named)).join(",");
}

const UNEQUAL = "< > \\lt \\gt \\le \\leq \\ge \\geq \\ne \\neq".split(" ");

/** The value of `m + n = value \approx decimal unit`; the decimal where it alone is known. */
function valueOf(part: string, named: boolean): string {
  const [exact, decimal] = split(part, ["\\approx", "≈"]).parts as [string, string?];
  const value = decimal !== undefined && !/\d|\\pi(?![A-Za-z])/.test(exact) ? decimal : exact;
  const sides = split(value, ["="]).parts;
  const isName = !/\d/.test(sides[0]!) && split(value, UNEQUAL).found.length === 0;
  return withoutUnit((isName && !named ? sides.at(-1)! : value).trim());
}

/** A unit reaches from the first text command to the end; a text command alone is none. */
function withoutUnit(value: string): string {
  const start = /\}(?:\^\d)?$/.test(value)
    ? value.search(/\\(?:text|mbox|mathrm|mathit|mathbf)[a-z]*\s*\{/)
    : 0;
  return start > 0 ? value.slice(0, start) : value;
}

/** A number beside a binomial is read as a mixed number, and the base of digits is passed over. */
function asRead(text: string): string {
  return text.replace(/(\d) *(?=\\[dt]?binom)/g, "$1+")
    .replace(/^\s*(\d+) *_ *(?:\{ *\d+ *\}|\d+)\s*$/, "$1");
}

function onlyWords(text: string): string | undefined {
  return /^\s*\\(?:text|mbox|math(?!bb))[a-z]*\s*\{([^{}]*)\}\s*$/.exec(text)?.[1];
}

/** Shorthand that the reader does not repair in predictions. */
function shortened(answer: string): boolean {
  const s = answer.replace(/\s/g, "");
  return /\\[dtc]?frac(?:[^{]|\{[^{}]*\}[^{])/.test(s) || /\\sqrt[^{[]/.test(s);
}

/** What the reader fails at; the texts are then compared alone. */
function unreadable(answer: string): boolean {
  const s = answer.replace(/\s/g, "");
  if (s.endsWith(".") || /[０-９]/.test(s) || s.split("{").length !== s.split("}").length) {
    return true;
  }
  // Plus-minus is read between two whole terms alone, not inside brackets.
  const signs = s.indexOf("\\pm");
  return signs >= 0 && unclosed(s.slice(0, signs));
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
export function extractMathVerify(reply: string): string | undefined {
  const formulas = new Formulas(reply);
  return boxedText(reply, formulas) ?? afterFinal(reply, formulas) ?? afterAnswer(reply, formulas);
}

/** The match that ends last: a formula with boxes, else all from the first box to the last brace. */
function boxedText(reply: string, formulas: Formulas): string | undefined {
  const first = reply.indexOf("\\boxed{");
  const last = reply.lastIndexOf("}");
  const plain = first >= 0 && last > first + 7 ? last + 1 : -1;
  const found = formulas.lastBoxed();
  if (found && found.end > plain) return joined(found);
  return plain < 0 ? undefined : joinedBoxes(reply.slice(first, plain), "last");
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
  readonly parts: readonly string[];
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
    const starts = /\$|\\\[|\\\(|-?\\frac\{/g;
    starts.lastIndex = from;
    for (let m = starts.exec(this.text); m && m.index <= latest; m = starts.exec(this.text)) {
      const first = this.#at(m.index, boxed);
      if (first) return this.#joined(m.index, first, boxed);
      starts.lastIndex = m.index + 1;
    }
    return undefined;
  }

  #joined(start: number, first: { inside: string; end: number }, boxed: boolean): Formula {
    const parts = [first.inside];
    let end = first.end;
    while (parts.length < MAX_JOINED) {
      const join = /\s*(?:,?and|,?or|,)\s*/y;
      join.lastIndex = end;
      const next = join.test(this.text) ? this.#at(join.lastIndex, boxed) : undefined;
      if (!next) break;
      parts.push(next.inside);
      end = next.end;
    }
    return { start, end, parts };
  }

  /** The formula that starts at `start`. */
  #at(start: number, boxed: boolean): { inside: string; end: number } | undefined {
    const { text } = this;
    if (text[start - 1] === "\\") return undefined;
    for (const { open, close, oneLine } of DELIMITERS) {
      if (!text.startsWith(open, start)) continue;
      if (open === "$" && /\d/.test(text[start - 1] ?? "")) continue;
      const from = start + open.length;
      const end = this.#next(close, from);
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

  #withPercent(inside: string, end: number): { inside: string; end: number } {
    const percent = /\s*(?:\\?%|[Pp]ercent(?:age)?|[Pp]ct)?/y;
    percent.lastIndex = end;
    const found = percent.exec(this.text)![0];
    return { inside: found.trim() === "" ? inside : `${inside}\\%`, end: end + found.length };
  }

  /** Where `mark` next occurs at `from` or after it. */
  #next(mark: string, from: number): number {
    const seen = this.#seen.get(mark);
    if (seen && seen.from <= from && (seen.at < 0 || from <= seen.at)) return seen.at;
    const at = this.text.indexOf(mark, from);
    this.#seen.set(mark, { from, at });
    return at;
  }
}

function inRange(at: number, end: number): boolean {
  return at >= 0 && at < end;
}

function joined(formula: Formula | undefined): string | undefined {
  return formula?.parts.map((part) => joinedBoxes(part, "all") ?? part).join(",");
}

/** The formula right after the last "final answer ... is", at most a hundred characters apart. */
function afterFinal(text: string, formulas: Formulas): string | undefined {
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
function afterAnswer(text: string, formulas: Formulas): string | undefined {
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
