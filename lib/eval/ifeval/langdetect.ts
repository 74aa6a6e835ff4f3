/**
 * The language of a text by its character n-grams: naive Bayes over n-grams drawn at random, as Python's
 * langdetect 1.0.9 does it (Shuyo, 2010), with a seed in place of a fresh generator.
 */
import { PythonRandom } from "../python_random.ts";

const TRIALS = 7;
/** Mean and deviation of the smoothing weight, drawn for each trial. */
const ALPHA = 0.5;
const ALPHA_WIDTH = 0.05;
const BASE_FREQUENCY = 10_000;
/** A trial ends when one language is this probable, or after so many draws. */
const CERTAIN = 0.99999;
const MAX_DRAWS = 1000;
/** A language must be more probable than this to be told. */
const THRESHOLD = 0.1;
/** Characters looked at. */
const MAX_CHARACTERS = 10_000;

const URL_TEXT = /https?:\/\/[-_.?&~;+=/#0-9A-Za-z]{1,2076}/g;
const MAIL_TEXT = /[-_.0-9A-Za-z]{1,64}@[-_0-9A-Za-z]{1,255}[-_.0-9A-Za-z]{1,255}/g;
/** Vowels with a combining mark that Vietnamese writes as one character. */
const VIETNAMESE = /[AEIOUYaeiouyÂÊÔâêôĂăƠơƯư][\u0300\u0301\u0303\u0309\u0323]/g;

/** Blocks whose characters count as one, or as the given few. */
const BLOCKS: readonly (readonly [first: string, last: string, as: (char: string) => string])[] = [
  ["\0", "\x7f", (char) => /[A-Za-z]/.test(char) ? char : " "],
  ["\x80", "\xff", (char) => "\xa0\xab\xb0\xbb".includes(char) ? " " : char],
  ["\u0218", "\u021b", (char) => char === "ș" ? "ş" : char === "ț" ? "ţ" : char], // Romanian
  ["\u06cc", "\u06cc", () => "\u064a"], // Farsi yeh
  ["\u1ea0", "\u1eff", () => "\u1ec3"], // Vietnamese
  ["\u2000", "\u206f", () => " "],
  ["\u3040", "\u309f", () => "あ"],
  ["\u30a0", "\u30ff", () => "ア"],
  ["\u3100", "\u312f", () => "ㄅ"],
  ["\u31a0", "\u31bf", () => "ㄅ"],
  ["\uac00", "\ud7af", () => "가"],
];

/** Tells languages apart by a table of n-gram profiles (langdetect.txt says how it is written). */
export class LanguageDetector {
  readonly #codes: string[] = [];
  /** Of each mark in the table: the language's index, and n-grams counted by length. */
  readonly #marks = new Map<string, { index: number; counted: number[] }>();
  readonly #kanji = new Map<string, string>();
  /** N-gram to its counts as written. */
  readonly #grams = new Map<string, string>();
  readonly #read = new Map<string, Float64Array>();

  constructor(table: string) {
    const [, languages, kanji, grams] = table.trimEnd().split("\n\n");
    for (const line of languages.split("\n")) {
      const [mark, code, ...counted] = line.split(" ");
      this.#marks.set(mark, { index: this.#codes.length, counted: counted.map(Number) });
      this.#codes.push(code);
    }
    for (const alike of kanji.split("\n")) {
      for (const char of alike) this.#kanji.set(char, alike[0]);
    }
    for (const line of grams.split("\n")) {
      const tab = line.indexOf("\t");
      this.#grams.set(line.slice(0, tab), line.slice(tab + 1));
    }
  }

  /** Codes of all languages it knows. */
  get languages(): readonly string[] {
    return this.#codes;
  }

  /** Code of the most probable language, "unknown" if none is likely; undefined for a text without letters. */
  detect(text: string, seed = 0): string | undefined {
    const grams = this.#gramsOf(withoutStrayLatin(characters(text)));
    if (grams.length === 0) return undefined;
    const random = new PythonRandom(seed);
    const mean = new Float64Array(this.#codes.length);
    for (let trial = 0; trial < TRIALS; trial++) {
      this.#trial(grams, random).forEach((p, language) => mean[language] += p / TRIALS);
    }
    const best = mean.indexOf(Math.max(...mean));
    return mean[best] > THRESHOLD ? this.#codes[best] : "unknown";
  }

  /** Probability of each language by n-grams drawn until one is certain. */
  #trial(grams: readonly string[], random: PythonRandom): Float64Array {
    const languages = this.#codes.length;
    const p = new Float64Array(languages).fill(1 / languages);
    const weight = (ALPHA + random.gauss(0, 1) * ALPHA_WIDTH) / BASE_FREQUENCY;
    for (let draw = 0; draw <= MAX_DRAWS; draw++) {
      const shares = this.#sharesOf(random.choice(grams));
      for (let i = 0; i < languages; i++) p[i] *= weight + shares[i];
      if (draw % 5 === 0 && normalize(p) > CERTAIN) break;
    }
    return p;
  }

  /** Runs of one to three characters that the table has; none from words in capitals. */
  #gramsOf(text: readonly string[]): string[] {
    const grams: string[] = [];
    let run = [" "];
    let shouting = false;
    for (const raw of text) {
      const char = this.#normalized(raw);
      const before = run.at(-1)!;
      if (before === " ") {
        run = [" "];
        shouting = false;
        if (char === " ") continue;
      } else if (run.length === 3) run.shift();
      run.push(char);
      shouting = isUpper(char) && (shouting || isUpper(before));
      if (shouting) continue;
      for (let length = 1; length <= run.length; length++) {
        const gram = run.slice(-length).join("");
        if (gram !== " " && this.#grams.has(gram)) grams.push(gram);
      }
    }
    return grams;
  }

  #normalized(char: string): string {
    for (const [first, last, as] of BLOCKS) if (char >= first && char <= last) return as(char);
    return this.#kanji.get(char) ?? char;
  }

  /** Of each language's n-grams of this length, how many are this one. */
  #sharesOf(gram: string): Float64Array {
    let shares = this.#read.get(gram);
    if (!shares) {
      shares = new Float64Array(this.#codes.length);
      for (const [, mark, count] of this.#grams.get(gram)!.matchAll(/([^0-9a-z])([0-9a-z]+)/g)) {
        const { index, counted } = this.#marks.get(mark)!;
        shares[index] = parseInt(count, 36) / counted[gram.length - 1];
      }
      this.#read.set(gram, shares);
    }
    return shares;
  }
}

/** Without addresses, marks composed, runs of spaces as one. */
function characters(text: string): string[] {
  const prose = text.replace(URL_TEXT, " ").replace(MAIL_TEXT, " ")
    .replace(VIETNAMESE, (pair) => pair.normalize("NFC"));
  const found: string[] = [];
  let seen = 0;
  let before = "";
  for (const char of prose) {
    if (seen++ === MAX_CHARACTERS) break;
    if (char !== " " || before !== " ") found.push(char);
    before = char;
  }
  return found;
}

/** Latin letters go where they are less than half as many as characters of other scripts. */
function withoutStrayLatin(text: string[]): string[] {
  const latin = text.filter((char) => char >= "A" && char <= "z").length;
  const other = text.filter((char) => char >= "\u0300").length;
  return latin * 2 < other ? text.filter((char) => char < "A" || char > "z") : text;
}

/** Makes the sum 1; returns the largest. */
function normalize(p: Float64Array): number {
  const sum = p.reduce((total, each) => total + each, 0);
  let most = 0;
  for (let i = 0; i < p.length; i++) most = Math.max(most, p[i] /= sum);
  return most;
}

function isUpper(char: string): boolean {
  return /^\p{Uppercase}$/u.test(char);
}
