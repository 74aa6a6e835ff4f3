/** IFEval's 25 instructions by the ids that its rows name. */
import type { Check } from "./check.ts";
import * as form from "./form.ts";
import * as words from "./words.ts";

/** What each instruction checks. */
export const INSTRUCTIONS: ReadonlyMap<string, Check> = new Map([
  ["keywords:existence", words.keywordsExist],
  ["keywords:frequency", words.keywordFrequency],
  ["keywords:forbidden_words", words.noForbiddenWord],
  ["keywords:letter_frequency", words.letterFrequency],
  ["language:response_language", words.responseLanguage],
  ["length_constraints:number_sentences", words.sentenceCount],
  ["length_constraints:number_paragraphs", words.paragraphCount],
  ["length_constraints:number_words", words.wordCount],
  ["length_constraints:nth_paragraph_first_word", words.paragraphFirstWord],
  ["detectable_content:number_placeholders", form.placeholderCount],
  ["detectable_content:postscript", form.postscript],
  ["detectable_format:number_bullet_lists", form.bulletCount],
  ["detectable_format:constrained_response", form.constrainedResponse],
  ["detectable_format:number_highlighted_sections", form.highlightCount],
  ["detectable_format:multiple_sections", form.sectionCount],
  ["detectable_format:json_format", form.jsonFormat],
  ["detectable_format:title", form.title],
  ["combination:two_responses", form.twoResponses],
  ["combination:repeat_prompt", form.repeatPrompt],
  ["startend:end_checker", form.endsWith],
  ["change_case:capital_word_frequency", words.capitalWordFrequency],
  ["change_case:english_capital", words.englishCapital],
  ["change_case:english_lowercase", words.englishLowercase],
  ["punctuation:no_comma", form.noComma],
  ["startend:quotation", form.quotation],
]);
