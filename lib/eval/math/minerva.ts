/**
 * The answer cleaner of Minerva (Lewkowycz et al., 2022, appendix D.1) in the two forms in use, and
 * the non-greedy replacements of LaTeX commands that string rules are made of, in linear time.
 */
import { strip } from "../choice/python_text.ts";
import { isDigits } from "./text.ts";

/**
 * Python's `re.sub(open + "(.*?)" + close, ...)` for literal ends on one line: the inside is kept, or
 * dropped with `drop`.
 */
export function unwrap(
  text: string,
  open: string,
  { close = "}", drop = false }: { close?: string; drop?: boolean } = {},
): string {
  let out = "";
  let from = 0;
  for (;;) {
    const start = text.indexOf(open, from);
    const end = start < 0 ? -1 : text.indexOf(close, start + open.length);
    if (end < 0) return out + text.slice(from);
    const inside = text.slice(start + open.length, end);
    const line = inside.indexOf("\n");
    if (line >= 0) {
      // No match across lines: go on after this opening.
      out += text.slice(from, start + open.length);
      from = start + open.length;
      continue;
    }
    out += text.slice(from, start) + (drop ? "" : inside);
    from = end + close.length;
  }
}

/** The last inside of Python's `re.findall(open + "(.*?)" + close, text)`. */
function lastBetween(text: string, open: string, close: string): string | undefined {
  let found: string | undefined;
  for (let from = 0;;) {
    const start = text.indexOf(open, from);
    const end = start < 0 ? -1 : text.indexOf(close, start + open.length);
    if (end < 0) return found;
    const inside = text.slice(start + open.length, end);
    if (inside.includes("\n")) from = start + open.length;
    else {
      found = inside;
      from = end + close.length;
    }
  }
}

/** Inside of the first `\boxed{` to the last brace of its line taken out of its command. */
function unboxGreedy(text: string): string {
  return text.split("\n").map((line) => {
    const start = line.indexOf("\\boxed{");
    const end = line.lastIndexOf("}");
    return start >= 0 && end >= start + 7
      ? line.slice(0, start) + line.slice(start + 7, end) + line.slice(end + 1)
      : line;
  }).join("\n");
}

const SUBSTITUTIONS: readonly (readonly [string, string])[] = [
  ["an ", ""],
  ["a ", ""],
  [".$", "$"],
  ["\\$", ""],
  ["\\ ", ""],
  [" ", ""],
  ["mbox", "text"],
  [",\\text{and}", ","],
  ["\\text{and}", ","],
  ["\\text{m}", "\\text{}"],
];

const REMOVED = [
  ..."square ways integers dollars mph inches ft hours km units \\ldots sue points feet minutes digits cents degrees cm gm pounds meters meals edges students childrentickets multiples"
    .split(" "),
  ..."\\text{s} \\text{.}".split(" "),
  "\\text{\ns}",
  "\\text{}^2",
  "\\text{}^3",
  "\\text{\n}",
  "\\text{}",
  "\\mathrm{th}",
  "^\\circ",
  "^{\\circ}",
  "\\;",
  ",\\!",
  "{,}",
  '"',
  "\\dots",
];

/** What differs between the copies. */
export interface MinervaOptions {
  /** OpenCompass: cues and boxes are looked for, `\le` is `<`, line breaks go; else the text is after its last `=`. */
  readonly cues: boolean;
}

/** The cleaned answer. */
export function cleanMinerva(answer: string, { cues }: MinervaOptions): string {
  let s = cues ? answer : answer.slice(answer.lastIndexOf("=") + 1);
  for (const [before, after] of SUBSTITUTIONS) {
    s = s.replaceAll(before, after);
    if (before === "\\ " && !cues) s = s.replaceAll("\\%", "%");
  }
  if (cues) s = s.replaceAll("\\le", "<");
  for (const word of REMOVED) s = s.replaceAll(word, "");
  if (cues) {
    s = s.replace(/[\n\r\f]/g, "");
    s = unwrap(s, "\\text{(", { close: ")}" });
  } else s = dollarsOnly(s);
  for (const command of ["\\text{", "\\textbf{", "\\overline{"]) s = unwrap(s, command);
  s = unboxGreedy(s);
  if (cues) s = afterCues(s);
  // `fracab` and `sqrta` get their braces.
  s = s.replace(/(frac)([^{])([^\n])/gu, "frac{$2}{$3}").replace(/(sqrt)([^{])/gu, "sqrt{$2}");
  s = s.replaceAll("$", "");
  return isDigits(s.replaceAll(",", "")) ? s.replaceAll(",", "") : s;
}

/** A line with a `$...$` becomes that alone. */
function dollarsOnly(text: string): string {
  return text.split("\n").map((line) => {
    const start = line.indexOf("$");
    const end = start < 0 ? -1 : line.indexOf("$", start + 1);
    return end < 0 ? line : line.slice(start, end + 1);
  }).join("\n");
}

function afterCues(text: string): string {
  let s = text;
  const final = s.indexOf("finalansweris");
  if (final >= 0) s = s.slice(final + 13);
  const cue = /answer?is:?/.exec(s);
  if (cue) s = s.slice(cue.index + cue[0].length);
  s = lastBetween(s, "oxed{", "}") ?? s;
  s = lastBetween(s, "$", "$") ?? s;
  s = strip(s);
  return s.includes("rac") && !s.includes("\\frac") ? s.replaceAll("rac", "\\frac") : s;
}
