/** Short spans of text as the question-answering scorers clean and compare them. */
import { PUNCTUATION, pythonPattern, words } from "./python_text.ts";

const ARTICLES = pythonPattern("\\b(?:a|an|the)\\b", { ignoreCase: true, global: true });
const NEITHER_WORD_NOR_BLANK = pythonPattern("[^\\w\\s]", { global: true });

/** OpenCompass: cut at the first newline, full stop or comma; no punctuation, no articles, single blanks. */
export function cleanedSpan(text: string): string {
  const first = text.split(/[\n.,]/)[0];
  return words(first.replace(NEITHER_WORD_NOR_BLANK, "").replace(ARTICLES, "")).join(" ");
}

/** SQuAD (Rajpurkar et al., 2016): lower case, no ASCII punctuation, no articles, single blanks. */
export function normalizedSpan(text: string): string {
  return withoutArticles(text.toLowerCase().replace(PUNCTUATION, ""));
}

/** Articles to blanks, blanks single. */
export function withoutArticles(text: string): string {
  return words(text.replace(ARTICLES, " ")).join(" ");
}

/** F1 of two bags of words, 2·same / (said + truth); 0 when they share none. */
export function tokenF1(said: readonly string[], truth: readonly string[]): number {
  const left = new Map<string, number>();
  for (const word of truth) left.set(word, (left.get(word) ?? 0) + 1);
  let same = 0;
  for (const word of said) {
    const count = left.get(word) ?? 0;
    if (count > 0) {
      left.set(word, count - 1);
      same++;
    }
  }
  return same === 0 ? 0 : 2 * same / (said.length + truth.length);
}
