/** IFEval's checks of words, letters, lengths and language (Zhou et al., 2023, appendix A). */
import { pythonPattern, strip, words } from "../choice/python_text.ts";
import {
  type Check,
  countOf,
  numberArg,
  patternOf,
  related,
  textArg,
  textsArg,
  type TextTools,
} from "./check.ts";
import { treebankWords } from "./treebank.ts";

const WORD = pythonPattern("\\w+", { global: true });
const PARAGRAPH_RULE = pythonPattern("\\s?\\*\\*\\*\\s?", { global: true });

/** keywords:existence: every keyword stands somewhere, also inside words. */
export const keywordsExist: Check = (response, args) =>
  textsArg(args, "keywords").every((word) =>
    response.search(patternOf(word, { ignoreCase: true })) >= 0
  );

/** keywords:frequency: how often a keyword stands, also inside words. */
export const keywordFrequency: Check = (response, args) =>
  related(
    countOf(response, patternOf(strip(textArg(args, "keyword")), { ignoreCase: true })),
    args,
    { relation: "relation", bound: "frequency" },
  );

/** keywords:forbidden_words: none of them stands as a word. */
export const noForbiddenWord: Check = (response, args) =>
  textsArg(args, "forbidden_words").every((word) =>
    response.search(patternOf(word, { before: "\\b", after: "\\b", ignoreCase: true })) < 0
  );

/** keywords:letter_frequency: how often one character of any kind stands, in any case. */
export const letterFrequency: Check = (response, args) => {
  const letter = strip(textArg(args, "letter")).toLowerCase();
  let count = 0;
  for (const char of response.toLowerCase()) if (char === letter) count++;
  return related(count, args, { relation: "let_relation", bound: "let_frequency" });
};

/** language:response_language: the detected language; a text without letters follows. */
export const responseLanguage: Check = (response, args, { languages }) => {
  const found = languages.detect(response);
  return found === undefined || found === textArg(args, "language");
};

/** length_constraints:number_sentences. */
export const sentenceCount: Check = (response, args, { punkt }) =>
  related(punkt.sentences(response).length, args, { relation: "relation", bound: "num_sentences" });

/** length_constraints:number_words: runs of word characters. */
export const wordCount: Check = (response, args) =>
  related(countOf(response, WORD), args, { relation: "relation", bound: "num_words" });

/** length_constraints:number_paragraphs: parts between `***`, none of them blank but the first and last. */
export const paragraphCount: Check = (response, args) => {
  const parts = response.split(PARAGRAPH_RULE).map(strip);
  return parts.slice(1, -1).every((part) => part !== "") &&
    parts.filter((part) => part !== "").length === numberArg(args, "num_paragraphs");
};

/** length_constraints:nth_paragraph_first_word: so many paragraphs, and how one of them begins. */
export const paragraphFirstWord: Check = (response, args) => {
  const parts = response.split("\n\n").map(strip);
  const paragraphs = parts.filter((part) => part !== "").length;
  const nth = numberArg(args, "nth_paragraph");
  if (paragraphs !== numberArg(args, "num_paragraphs") || !(nth <= paragraphs)) return false;
  const [first] = words(parts.at(nth - 1) ?? "");
  if (first === undefined) return false;
  const word = /^[^.,?!'"]*/.exec(first.replace(/^'+/, "").replace(/^"+/, ""))![0];
  return word.toLowerCase() === textArg(args, "first_word").toLowerCase();
};

/** change_case:capital_word_frequency: words all in capitals. */
export const capitalWordFrequency: Check = (response, args, { punkt }) => {
  const capital = punkt.sentences(response).flatMap(treebankWords).filter(isUpper);
  return related(capital.length, args, {
    relation: "capital_relation",
    bound: "capital_frequency",
  });
};

/** change_case:english_capital: English without a small letter. */
export const englishCapital: Check = (response, _args, tools) =>
  isUpper(response) && isEnglish(response, tools);

/** change_case:english_lowercase: English without a capital letter. */
export const englishLowercase: Check = (response, _args, tools) =>
  isLower(response) && isEnglish(response, tools);

/** Whether English is detected, or nothing can be. */
function isEnglish(response: string, { languages }: TextTools): boolean {
  return (languages.detect(response) ?? "en") === "en";
}

/** `str.isupper()`. */
function isUpper(text: string): boolean {
  return /\p{Uppercase}/u.test(text) && !/[\p{Lowercase}\p{Lt}]/u.test(text);
}

/** `str.islower()`. */
function isLower(text: string): boolean {
  return /\p{Lowercase}/u.test(text) && !/[\p{Uppercase}\p{Lt}]/u.test(text);
}
