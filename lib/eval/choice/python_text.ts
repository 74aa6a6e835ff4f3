/** Python's reading of text, where the published scorers depend on it. */

/** Characters looked at from each end of an answer. */
export const ANSWER_END = 65_536;

/** `str.isspace()` and `\s`: C0 separators and U+0085 too, the byte order mark not. */
const SPACE =
  "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

/** `\w`: letters and numbers of any script and the underscore, no combining marks. */
const WORD = "\\p{L}\\p{N}_";

const ONE_SPACE = new RegExp(`[${SPACE}]`, "u");
const SPACES = new RegExp(`[${SPACE}]`, "gu");
const NOT_SPACES = new RegExp(`[^${SPACE}]+`, "gu");

/** The ASCII characters of `string.punctuation`. */
export const PUNCTUATION = /[!-/:-@[-`{-~]/g;

/** What scorers read: all of a text, or its first and last 64 Ki characters as two lines. */
export function bounded(text: string): string {
  if (text.length <= 2 * ANSWER_END) return text;
  return `${text.slice(0, ANSWER_END)}\n${text.slice(-ANSWER_END)}`;
}

/** `str.split()`. */
export function words(text: string): string[] {
  return text.match(NOT_SPACES) ?? [];
}

/** `str.strip()`. */
export function strip(text: string): string {
  const kept = stripEnd(text);
  let start = 0;
  while (isSpace(kept, start)) start++;
  return kept.slice(start);
}

/** `str.rstrip()`. */
export function stripEnd(text: string): string {
  let end = text.length;
  while (end > 0 && isSpace(text, end - 1)) end--;
  return text.slice(0, end);
}

/** Whether the character at `at` is blank; false past the end. */
export function isSpace(text: string, at: number): boolean {
  return at < text.length && ONE_SPACE.test(text[at]);
}

/** Index of the first blank at or after `from`, else the text's length. */
export function nextSpace(text: string, from: number): number {
  SPACES.lastIndex = from;
  return SPACES.exec(text)?.index ?? text.length;
}

/** Text without its blanks. */
export function withoutSpaces(text: string): string {
  return text.replace(SPACES, "");
}

// deno-lint-ignore no-control-regex
const LINE_END = /(\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029])/;

/** `text.splitlines()`. */
export function splitLines(text: string): string[] {
  const lines = text.split(LINE_END).filter((_, i) => i % 2 === 0);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** `text.splitlines(keepends=True)`. */
export function linesWithEnds(text: string): string[] {
  const parts = text.split(LINE_END);
  const lines = splitLines(text);
  return lines.map((line, i) => line + (parts[2 * i + 1] ?? ""));
}

/** How a Python pattern is read. */
export interface PatternOptions {
  readonly ignoreCase?: boolean;
  /** `.` matches a newline too. */
  readonly dotAll?: boolean;
  readonly global?: boolean;
}

/**
 * The regular expression that means here what `source` means in Python's `re`: Unicode `\s \S \w \W \d
 * \b`, `.` that stops at `\n` alone, `$` also before a final `\n`. Negated classes stand outside brackets.
 */
export function pythonPattern(source: string, options: PatternOptions = {}): RegExp {
  const flags = `u${options.ignoreCase ? "i" : ""}${options.dotAll ? "s" : ""}${
    options.global ? "g" : ""
  }`;
  let inClass = false;
  const translated = source.replace(/\\.|[[\].$]/gs, (token) => {
    if (token === "[" || token === "]") inClass = token === "[";
    if (token === "." && !inClass && !options.dotAll) return "[^\\n]";
    if (token === "$" && !inClass) return "(?=\\n?(?![^]))";
    return escape(token, inClass);
  });
  return new RegExp(translated, flags);
}

function escape(token: string, inClass: boolean): string {
  switch (token) {
    case "\\s":
      return inClass ? SPACE : `[${SPACE}]`;
    case "\\S":
      return `[^${SPACE}]`;
    case "\\w":
      return inClass ? WORD : `[${WORD}]`;
    case "\\W":
      return `[^${WORD}]`;
    case "\\d":
      return "\\p{Nd}";
    case "\\b":
      return `(?:(?<=[${WORD}])(?![${WORD}])|(?<![${WORD}])(?=[${WORD}]))`;
    default:
      return token;
  }
}
