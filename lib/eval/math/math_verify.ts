/**
 * Math-Verify with the options that OpenCompass passes: its extraction (boxes first, joined; nothing
 * without an anchor), its reader and its grader.
 */
import { mul, PERCENT } from "./expr.ts";
import { equalValues } from "./math_verify_grader.ts";
import { normalized, repaired } from "./math_verify_latex.ts";
import { readValue, type Value } from "./math_verify_reader.ts";
import { braced } from "./text.ts";

/** What is taken for the answer: a formula, or several that words or commas join. */
export interface Extracted {
  readonly text: string;
  readonly parts: readonly Part[];
}

/** A formula; `percent` for a percent sign behind it. */
interface Part {
  readonly text: string;
  readonly percent: boolean;
}

/** Longer answers are compared as text alone. */
const MAX_ANSWER = 8192;

/** Whether what `extractMathVerify` found is the gold answer. */
export function equalMathVerify(answer: Extracted | undefined, gold: string): boolean {
  if (!answer) return false;
  const wanted = extracted(new Formulas(`$${gold}$`).last()) ?? alone(gold);
  if (answer.text.length > MAX_ANSWER) return answer.text.trim() === gold.trim();
  const a = taken(answer, normalized);
  const b = taken(wanted, (text) => repaired(normalized(text, { gold: true })));
  if (a.text !== "" && a.text === b.text) return true;
  return a.value !== undefined && b.value !== undefined && equalValues(a.value, b.value);
}

/** Text and value of a formula, or of the set of several; the first's alone where one of them is not read. */
function taken({ parts }: Extracted, clean: (text: string) => string) {
  const read = parts.map(({ text, percent }) => {
    const cleaned = clean(text);
    const value = readValue(cleaned);
    return { text: cleaned, value: percent ? value && percentOf(value) : value };
  });
  const values = read.map(({ value }) => value);
  if (values.length === 1 || values.includes(undefined)) return read[0]!;
  const items = values.flatMap((value) => value!.kind === "set" ? value!.items : [value!]);
  return {
    text: read.map(({ text }) => text).join(" and "),
    value: { kind: "set", items } as const,
  };
}

function percentOf(value: Value): Value | undefined {
  return value.kind === "expr" ? { ...value, expr: mul(value.expr, PERCENT) } : undefined;
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
  const found = first < 0 ? undefined : formulas.last({ boxed: true });
  if (found && found.end > plain) return extracted(found);
  const text = plain < 0 ? undefined : joinedBoxes(reply.slice(first, plain), "last");
  return text === undefined ? undefined : alone(text);
}

function alone(text: string): Extracted {
  return { text, parts: [{ text, percent: false }] };
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
  readonly parts: readonly Part[];
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

  /** The last chain of formulas; `boxed` for those with a box inside. */
  last(options: { boxed?: boolean } = {}): Formula | undefined {
    let found: Formula | undefined;
    for (let next = this.chain(0, options); next; next = this.chain(next.end, options)) {
      found = next;
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

  #joined(start: number, first: Part & { end: number }, boxed: boolean): Formula {
    const parts: Part[] = [first];
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
  #at(start: number, boxed: boolean): Part & { end: number } | undefined {
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

  #withPercent(text: string, end: number): Part & { end: number } {
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

function extracted(formula: Formula | undefined): Extracted | undefined {
  if (!formula) return undefined;
  const parts = formula.parts.map(({ text, percent }) => ({
    text: joinedBoxes(text, "all") ?? text,
    percent,
  }));
  const text = parts.map(({ text, percent }) => percent && parts.length > 1 ? `${text}\\%` : text)
    .join(",");
  return { text, parts };
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
  return extracted(found);
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
    if (found) return extracted(found);
  }
  return undefined;
}
