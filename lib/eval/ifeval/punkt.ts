/** Sentence boundaries by Punkt (Kiss and Strunk, 2006), decision for decision as NLTK 3.8 makes them. */
import { pythonPattern, stripEnd } from "../choice/python_text.ts";

/** What may follow a mark within a word, and does not belong to it. */
const CLOSING = "[)\";}\\]*:@'({[!?]";
/** A hyphen or an ellipsis of several characters. */
const REPEATED = "(?:-{2,}|\\.{2,}|(?:\\.\\s){2,}\\.)";
const WORD_END = `\\s|$|${CLOSING}|${REPEATED}|,(?=$|\\s|${CLOSING}|${REPEATED})`;

const TOKEN = pythonPattern(
  `${REPEATED}|(?=[^("\`{[:;&#*@)}\\]\\-,])\\S+?(?=${WORD_END})|\\S`,
  { global: true },
);
/** A mark that may end a sentence, then punctuation or the next token. */
const CANDIDATE = pythonPattern(`[.?!](?=(${CLOSING}|\\s+(\\S+)))`, { global: true });
/** Closing marks at the beginning of what would be the next sentence. */
const MISPLACED = pythonPattern("^[\"')\\]}]+?(?:\\s+|(?=--)|$)");
const ELLIPSIS = /^\.{2,}$/;
const NUMBER = /^-?[.,]?\p{Nd}[\p{Nd},.-]*$/u;
const INITIAL = /^[\p{L}\p{Nl}\p{No}_]\.$/u;
const FIRST_UPPER = /^\p{Uppercase}/u;
const FIRST_LOWER = /^\p{Lowercase}/u;

/** Orthographic contexts: at the start of, inside and anywhere in sentences, with an upper or lower first letter. */
const INSIDE_UPPER = 4;
const ANY_UPPER = 2 + INSIDE_UPPER + 8;
const START_LOWER = 16;
const ANY_LOWER = START_LOWER + 32 + 64;

interface Token {
  readonly text: string;
  /** In lower case, numbers as one. */
  readonly type: string;
  breaks: boolean;
  readonly abbreviation: boolean;
}

/** A place where a sentence may end, with the words around it. */
interface Candidate {
  /** Index behind the mark. */
  readonly end: number;
  /** Index of the token after it, or `end` where punctuation follows. */
  readonly next: number;
  readonly context: string;
}

/** Splits text into sentences by a table of parameters (punkt_english.txt says how it is written). */
export class Punkt {
  readonly #abbreviations: ReadonlySet<string>;
  /** Pairs, joined by a tab. */
  readonly #collocations: ReadonlySet<string>;
  readonly #starters: ReadonlySet<string>;
  readonly #contexts = new Map<string, number>();

  constructor(table: string) {
    const [, abbreviations, collocations, starters, contexts] = table.trimEnd().split("\n\n");
    this.#abbreviations = new Set(abbreviations.split(/[\t\n]/));
    this.#collocations = new Set(collocations.split("\n"));
    this.#starters = new Set(starters.split(/[\t\n]/));
    for (const line of contexts.split("\n")) {
      const [flags, ...types] = line.split("\t");
      for (const type of types) this.#contexts.set(type, Number(flags));
    }
  }

  /** The sentences, in order, without the blanks between them. */
  sentences(text: string): string[] {
    const spans: [number, number][] = [];
    let start = 0;
    for (const { end, next, context } of candidates(text)) {
      if (!this.#breaks(context)) continue;
      spans.push([start, end]);
      start = next;
    }
    spans.push([start, stripEnd(text).length]);
    return realigned(text, spans).filter((sentence) => sentence !== "");
  }

  /** Whether a sentence ends before the last token. */
  #breaks(context: string): boolean {
    const tokens = context.split("\n").flatMap((line) => line.match(TOKEN) ?? [])
      .map((token) => this.#token(token));
    for (let i = 0; i + 1 < tokens.length; i++) {
      const token = tokens[i];
      if (token.text.endsWith(".")) token.breaks = this.#reconsidered(token, tokens[i + 1]);
    }
    return tokens.slice(0, -1).some(({ breaks }) => breaks);
  }

  /** First pass: by the token alone. */
  #token(text: string): Token {
    const lower = text.toLowerCase();
    const stem = lower.slice(0, -1);
    const dotted = text.endsWith(".") && !text.endsWith("..") && text !== ".";
    const abbreviation = dotted &&
      (this.#abbreviations.has(stem) ||
        this.#abbreviations.has(stem.slice(stem.lastIndexOf("-") + 1)));
    return {
      text,
      type: NUMBER.test(lower) ? "##number##" : lower,
      breaks: dotted ? !abbreviation : text === "." || text === "?" || text === "!",
      abbreviation,
    };
  }

  /** Second pass: whether a sentence ends at a token with a period, by the token after it. */
  #reconsidered(token: Token, next: Token): boolean {
    const type = withoutPeriod(token.type);
    const nextType = next.breaks ? withoutPeriod(next.type) : next.type;
    if (this.#collocations.has(`${type}\t${nextType}`)) return false;
    const initial = INITIAL.test(token.text);
    const starts = this.#startsSentence(next, nextType);
    const capital = FIRST_UPPER.test(next.text);
    if ((token.abbreviation || ELLIPSIS.test(token.text)) && !initial) {
      if (starts === true || (capital && this.#starters.has(nextType))) return true;
    }
    if (!initial && type !== "##number##") return token.breaks;
    if (starts === false) return false;
    const neverLower = ((this.#contexts.get(nextType) ?? 0) & ANY_LOWER) === 0;
    return starts === undefined && initial && capital && neverLower ? false : token.breaks;
  }

  /** Whether a token begins a sentence, by how its word is written elsewhere; undefined if that does not tell. */
  #startsSentence({ text }: Token, type: string): boolean | undefined {
    if (/^[;:,.!?]$/.test(text)) return false;
    const seen = this.#contexts.get(type) ?? 0;
    if (FIRST_UPPER.test(text)) {
      return (seen & ANY_LOWER) !== 0 && (seen & INSIDE_UPPER) === 0 ? true : undefined;
    }
    const lower = FIRST_LOWER.test(text);
    return lower && ((seen & ANY_UPPER) !== 0 || (seen & START_LOWER) === 0) ? false : undefined;
  }
}

function withoutPeriod(type: string): string {
  return type.length > 1 && type.endsWith(".") ? type.slice(0, -1) : type;
}

/** Marks whose words overlap count once, at the last of them. */
function* candidates(text: string): Generator<Candidate> {
  let word = [0, 0];
  let last: RegExpMatchArray | undefined;
  const made = (match: RegExpMatchArray): Candidate => {
    const end = match.index! + 1;
    const [, after, next = ""] = match;
    const context = text.slice(word[0], end) + after;
    return { end, next: next === "" ? end : end + after.length - next.length, context };
  };
  for (const match of text.matchAll(CANDIDATE)) {
    const start = wordStart(text, match.index, word);
    if (last && word[1] <= start) yield made(last);
    last = match;
    word = [start, match.index];
  }
  if (last) yield made(last);
}

/** Where the word before a mark begins: behind the last ASCII blank since the word before it, else with that. */
function wordStart(text: string, mark: number, [start, end]: readonly number[]): number {
  for (let at = mark - 1; at > end; at--) if (/[ \t-\r]/.test(text[at])) return at + 1;
  return start;
}

/** Closing quotes and brackets go to the sentence before. */
function realigned(text: string, spans: readonly (readonly [number, number])[]): string[] {
  let moved = 0;
  return spans.map(([start, end], i) => {
    const from = start + moved;
    const next = spans[i + 1];
    moved = 0;
    if (!next) return text.slice(from, end);
    const closing = MISPLACED.exec(text.slice(...next))?.[0];
    if (closing === undefined) return text.slice(from, end);
    moved = closing.length;
    return text.slice(from, next[0] + stripEnd(closing).length);
  });
}
