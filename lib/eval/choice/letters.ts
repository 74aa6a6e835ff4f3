/** One letter out of an answer, by the short rules that several benchmarks share. */
import { pythonPattern } from "./python_text.ts";

const lines = new Map<string, RegExp>();

/**
 * The answer-line rule of simple-evals and OpenCompass: the first `ANSWER: L` in any case, with blanks
 * around an ASCII colon. The letter keeps its case; "" when there is none.
 */
export function answerLine(text: string, letters: string): string {
  let pattern = lines.get(letters);
  if (!pattern) {
    pattern = pythonPattern(`ANSWER\\s*:\\s*([${letters}])`, { ignoreCase: true });
    lines.set(letters, pattern);
  }
  return pattern.exec(text)?.[1] ?? "";
}

/** The first upper-case character of any script (`str.isupper()`), "" when there is none. */
export function firstCapital(text: string): string {
  return /\p{Uppercase}/u.exec(text)?.[0] ?? "";
}

/** Every group of `head … tail` that lies on one line with at least one character between, in order. */
export function* between(text: string, head: string, tail: string): Generator<string> {
  for (const line of text.split("\n")) {
    let at = line.indexOf(head);
    while (at >= 0) {
      const start = at + head.length;
      const end = line.indexOf(tail, start + 1);
      if (end < 0) break;
      yield line.slice(start, end);
      at = line.indexOf(head, end + tail.length);
    }
  }
}
