/** Text cut and matched by its brackets. */

/** `s` cut at separators outside brackets, with the separators found. */
export function split(
  s: string,
  separators: readonly string[],
): { parts: string[]; found: string[] } {
  const token = /\\[A-Za-z]+|\\.|[^]/y;
  const parts: string[] = [];
  const found: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < s.length;) {
    token.lastIndex = i;
    const t = token.exec(s)![0];
    if (OPEN.includes(t)) depth++;
    else if (CLOSE.includes(t)) depth--;
    else if (t === "\\begin") depth++;
    else if (t === "\\end") depth--;
    else if (depth === 0 && separators.includes(t)) {
      parts.push(s.slice(start, i));
      found.push(t);
      start = i + t.length;
    }
    i += t.length;
  }
  parts.push(s.slice(start));
  return { parts, found };
}

const OPEN = ["(", "[", "{", "\\{", "\\langle", "\\lfloor", "\\lceil"];
const CLOSE = [")", "]", "}", "\\}", "\\rangle", "\\rfloor", "\\rceil"];

/** Index of the last character of the bracket that closes the one at `open`. */
export function partner(s: string, open: number): number {
  const token = /\\[A-Za-z]+|\\.|[^]/y;
  let depth = 0;
  for (let i = open; i < s.length;) {
    token.lastIndex = i;
    const t = token.exec(s)![0];
    i += t.length;
    if (OPEN.includes(t)) depth++;
    else if (CLOSE.includes(t) && --depth === 0) return i - 1;
  }
  return -1;
}
