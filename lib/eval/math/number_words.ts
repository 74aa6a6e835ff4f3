/** Numbers spelled in English, as the `w2n` package reads them. */

const WORDS: ReadonlyMap<string, number> = new Map(
  Object.entries({
    ...Object.fromEntries(
      ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen " +
        "sixteen seventeen eighteen nineteen").split(" ").map((word, i) => [word, i]),
    ),
    ...Object.fromEntries(
      "twenty thirty forty fifty sixty seventy eighty ninety".split(" ")
        .map((word, i) => [word, 10 * (i + 2)]),
    ),
    hundred: 100,
    thousand: 1e3,
    million: 1e6,
    billion: 1e9,
  }),
);

/**
 * The number that the number words of `text` spell, printed as Python prints it; undefined where the
 * package raises. Other words are passed over, so a sentence with one number word is that number.
 */
export function wordsToNumber(text: string): string | undefined {
  const lower = text.replaceAll("-", " ").toLowerCase();
  if (/^\p{Nd}+$/u.test(lower)) return /^\d+$/.test(lower) ? String(BigInt(lower)) : undefined;
  let words = lower.trim().split(/\s+/).filter((word) => WORDS.has(word) || word === "point");
  if (words.length === 0) return undefined;
  const count = (word: string) => words.filter((w) => w === word).length;
  if (["thousand", "million", "billion", "point"].some((word) => count(word) > 1)) return undefined;
  const point = words.indexOf("point");
  const decimals = point < 0 ? [] : words.slice(point + 1);
  if (point >= 0) words = words.slice(0, point);
  const whole = words.length === 0 ? 0 : wholeNumber(words);
  if (whole === undefined) return undefined;
  if (decimals.length === 0) return String(whole);
  const digits = decimals.map((word) => WORDS.get(word) ?? 10);
  if (digits.some((digit) => digit > 9)) return String(whole);
  const value = whole + Number(`0.${digits.join("")}`);
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** Sum of the groups before billion, million and thousand, and the rest. */
function wholeNumber(words: readonly string[]): number | undefined {
  if (words.length === 1) return WORDS.get(words[0]!);
  let total = 0;
  let from = 0;
  let last = -1;
  const at = ["billion", "million", "thousand"].map((word) => words.indexOf(word));
  const present = at.filter((i) => i >= 0);
  if (present.some((i, k) => k > 0 && i < present[k - 1]!)) return undefined;
  for (const [k, index] of at.entries()) {
    if (index < 0) continue;
    const size = group(words.slice(from, index));
    if (size === undefined) return undefined;
    total += size * 1e9 / 1e3 ** k;
    from = index + 1;
    last = index;
  }
  if (last === words.length - 1) return total;
  const rest = group(words.slice(last + 1));
  return rest === undefined ? undefined : total + rest;
}

/** Up to four words, such as `two hundred thirty one`; of more only the first counts. */
function group(words: readonly string[]): number | undefined {
  const [a, b, c, d] = words.map((word) => WORDS.get(word)!);
  switch (words.length) {
    case 4:
      return a! * b! + c! + d!;
    case 3:
      return a! * b! + c!;
    case 2:
      return a === 100 || b === 100 ? a! * b! : a! + b!;
    default:
      return a;
  }
}
