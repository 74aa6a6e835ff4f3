/**
 * Math-Verify with the options that OpenCompass passes: its extraction (boxes first, joined; nothing
 * without an anchor) in front of the equality judge, and the limits of its reader that change verdicts.
 */
import { braced } from "./text.ts";
import { equalAnswers } from "./equal.ts";

/** Whether a reply holds the gold answer. */
export function equalMathVerify(reply: string, gold: string): boolean {
  const answer = extractMathVerify(reply);
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
  return equalAnswers(asRead(gold), asRead(answer), {
    foldCase: true,
    places: PLACES,
    percent: "factor",
  });
}

/** A number beside a binomial is read as a mixed number, and the base of digits is passed over. */
function asRead(text: string): string {
  return text.replace(/(\d) *(?=\\[dt]?binom)/g, "$1+")
    .replace(/^\s*(\d+) *_ *(?:\{ *\d+ *\}|\d+)\s*$/, "$1");
}

function onlyWords(text: string): string | undefined {
  return /^\s*\\(?:text|mbox|math)[a-z]*\s*\{([^{}]*)\}\s*$/.exec(text)?.[1];
}

/** Shorthand and slips that the reader does not repair in predictions. */
function unreadable(answer: string): boolean {
  const s = answer.replace(/\s/g, "");
  if (s.endsWith(".") || /[０-９]/.test(s) || s.split("{").length !== s.split("}").length) {
    return true;
  }
  if (/\\[dtc]?frac(?:[^{]|\{[^{}]*\}[^{])/.test(s) || /\\sqrt[^{[]/.test(s)) return true;
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

/** The text taken for the answer. */
export function extractMathVerify(reply: string): string | undefined {
  const boxed = boxedText(reply);
  if (boxed !== undefined) return boxed;
  return afterFinal(reply) ?? afterAnswer(reply);
}

/** The match that ends last: a formula with boxes, else all from the first box to the last brace. */
function boxedText(reply: string): string | undefined {
  const first = reply.indexOf("\\boxed{");
  const last = reply.lastIndexOf("}");
  const plain = first >= 0 && last > first + 7 ? last + 1 : -1;
  const found = formulas(reply, 0, true).at(-1);
  if (found && found.end > plain) {
    return found.parts.map((part) => joinedBoxes(part, "all") ?? part).join(",");
  }
  return plain < 0 ? undefined : joinedBoxes(reply.slice(first, plain), "last");
}

/** Boxes joined by commas; `last` leaves out those that stand apart from what follows them. */
function joinedBoxes(text: string, mode: "all" | "last"): string | undefined {
  const results: string[] = [];
  let before = text.length;
  let next = -1;
  for (;;) {
    const start = Math.max(
      text.lastIndexOf("\\boxed", before - 1),
      text.lastIndexOf("\\fbox", before - 1),
    );
    if (start < 0 || before <= 0) break;
    let open = start + (text.startsWith("\\boxed", start) ? 6 : 5);
    while (/\s/.test(text[open] ?? "")) open++;
    const box = text[open] === "{"
      ? braced(text.slice(0, next < 0 ? text.length : next), open)
      : undefined;
    if (!box) {
      if (results.length === 0 && open < text.length) results.push(text.slice(open));
      break;
    }
    const inside = box.inside.trim();
    if (mode === "last" && next >= 0) {
      const between = text.slice(box.close + 1, next);
      const near = between.length < 10 ||
        (results.at(-1) !== inside && between.length < 70 && /\b(?:and|or)\b|,|;/.test(between));
      if (!near) break;
    }
    if (results.at(-1) !== inside) results.push(inside);
    next = before = start;
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
const MAX_FORMULAS = 2000;

/** Formulas from `from` on, first to last; only those with a box if asked. */
function formulas(text: string, from: number, boxed: boolean): Formula[] {
  const found: Formula[] = [];
  const starts = /\$|\\\[|\\\(|\\frac\{|\\dfrac\{/g;
  starts.lastIndex = from;
  for (let m = starts.exec(text); m && found.length < MAX_FORMULAS; m = starts.exec(text)) {
    const formula = chainAt(text, m.index, boxed);
    if (!formula) continue;
    found.push(formula);
    starts.lastIndex = Math.max(formula.end, m.index + 1);
  }
  return found;
}

/** The chain of formulas that starts at `start`. */
function chainAt(text: string, start: number, boxed: boolean): Formula | undefined {
  const first = formulaAt(text, start, boxed);
  if (!first) return undefined;
  const parts = [first.inside];
  let end = first.end;
  while (parts.length < MAX_JOINED) {
    const join = /\s*(?:,?and|,?or|,)\s*/y;
    join.lastIndex = end;
    const next = join.test(text) ? formulaAt(text, join.lastIndex, boxed) : undefined;
    if (!next) break;
    parts.push(next.inside);
    end = next.end;
  }
  return { start, end, parts };
}

function formulaAt(
  text: string,
  start: number,
  boxed: boolean,
): { inside: string; end: number } | undefined {
  const escaped = text[start - 1] === "\\";
  for (const [open, close, oneLine] of DELIMITERS) {
    if (escaped || !text.startsWith(open, start)) continue;
    if (open === "$" && /\d/.test(text[start - 1] ?? "")) continue;
    const end = text.indexOf(close, start + open.length);
    if (end <= start + open.length || text[end - 1] === "\\") continue;
    const inside = text.slice(start + open.length, end);
    if (oneLine && inside.includes("\n")) continue;
    if (boxed && !/\\boxed\{[^]+\}/.test(inside)) continue;
    return withPercent(text, inside, end + close.length);
  }
  const fraction = /-?\\frac\{-?\d+(?:[.,]\d+)?\}\{-?\d+(?:[.,]\d+)?\}/y;
  fraction.lastIndex = text[start - 1] === "-" ? start - 1 : start;
  const m = boxed ? null : fraction.exec(text);
  return m ? withPercent(text, m[0], fraction.lastIndex) : undefined;
}

const DELIMITERS: readonly (readonly [string, string, boolean])[] = [
  ["$$", "$$", false],
  ["\\[", "\\]", false],
  ["$", "$", true],
  ["\\(", "\\)", true],
];

function withPercent(text: string, inside: string, end: number): { inside: string; end: number } {
  const percent = /\s*(?:\\?%|[Pp]ercent(?:age)?|[Pp]ct)?/y;
  percent.lastIndex = end;
  const found = percent.exec(text)![0];
  return { inside: found.trim() === "" ? inside : `${inside}\\%`, end: end + found.length };
}

function joined(formula: Formula | undefined): string | undefined {
  return formula?.parts.map((part) => joinedBoxes(part, "all") ?? part).join(",");
}

/** The formula right after "final answer ... is". */
function afterFinal(text: string): string | undefined {
  let found: Formula | undefined;
  for (const cue of text.matchAll(/final answer/gi)) {
    const from = cue.index + cue[0].length;
    const is = /\s+is:?\s*/g;
    is.lastIndex = from;
    for (let m = is.exec(text); m && m.index <= from + 100; m = is.exec(text)) {
      found = chainAt(text, is.lastIndex, false) ?? found;
    }
  }
  return joined(found);
}

/** A formula that starts within 50 characters of "answer:", else of "answer". */
function afterAnswer(text: string): string | undefined {
  for (const cue of [/answer:/gi, /answer/gi]) {
    let found: Formula | undefined;
    for (let m = cue.exec(text); m; m = cue.exec(text)) {
      const from = cue.lastIndex;
      const formula = formulas(text.slice(0, from + 4000), from, false)[0];
      if (!formula || formula.start > from + 50) continue;
      found = formula;
      cue.lastIndex = Math.max(from, formula.end);
    }
    if (found) return joined(found);
  }
  return undefined;
}
