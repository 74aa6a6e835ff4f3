/** What an answer says: extraction that several benchmarks share, linear in the answer's length. */

/** Longest part of an answer that is looked at. */
const MAX_ANSWER = 100_000;

/** Full-width digits and signs, Unicode minus and spaces as ASCII. */
export function plainText(answer: string): string {
  return answer.slice(-MAX_ANSWER)
    .replace(/[\uff01-\uff5e]/g, (c) => String.fromCharCode(c.charCodeAt(0) - 0xfee0))
    .replace(/[\u2212\u2013\u2014]/g, "-")
    .replace(/[\u00a0\u2009\u202f\u3000]/g, " ");
}

/** The last number of an answer, without thousands separators. */
export function lastNumber(answer: string): number | undefined {
  const found = plainText(answer).match(/-?\d+(?:,\d{3})*(?:\.\d+)?/g)?.at(-1);
  return found === undefined ? undefined : Number(found.replaceAll(",", ""));
}

/** The letter an answer settles on: after "answer is" or "answer:", else the last one standing alone. */
export function choiceLetter(answer: string, letters = "ABCD"): string | undefined {
  const text = plainText(answer);
  const said = [...text.matchAll(/answer(?:\s+is|\s*:)\s*[("'*]*([A-Z])(?![A-Za-z])/gi)].at(-1)
    ?.[1];
  const found = said ?? [...text.matchAll(/(?<![A-Za-z])([A-Z])(?![A-Za-z'])/g)].at(-1)?.[1];
  const letter = found?.toUpperCase();
  return letter !== undefined && letters.includes(letter) ? letter : undefined;
}

/** The first JSON object in an answer, whatever stands around it. */
export function firstObject(answer: string): Record<string, unknown> | undefined {
  const text = answer.slice(0, MAX_ANSWER);
  let start = text.indexOf("{");
  for (let tries = 0; start >= 0 && tries < 100; tries++) {
    const end = objectEnd(text, start);
    if (end === undefined) return undefined;
    try {
      return JSON.parse(text.slice(start, end));
    } catch {
      start = text.indexOf("{", start + 1);
    }
  }
  return undefined;
}

function objectEnd(text: string, start: number): number | undefined {
  let depth = 0;
  let quoted = false;
  for (let i = start; i < text.length; i++) {
    const c = text[i];
    if (quoted) {
      if (c === "\\") i++;
      else if (c === '"') quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === "{") depth++;
    else if (c === "}" && --depth === 0) return i + 1;
  }
  return undefined;
}

/** Words with single spaces between them. */
export function squeezed(text: string): string {
  return plainText(text).trim().replace(/\s+/g, " ");
}
