/** TriviaQA (Joshi et al., 2017): OpenCompass's substring rule and the official exact match and F1. */
import type { Message } from "../../records/record.ts";
import { bounded, PUNCTUATION, pythonPattern, strip, words } from "../choice/python_text.ts";
import { type Doc, field, listField, type Scored } from "../choice/row.ts";

const ARTICLES = pythonPattern("\\b(?:a|an|the)\\b", { ignoreCase: true, global: true });
const NEITHER_WORD_NOR_BLANK = pythonPattern("[^\\w\\s]", { global: true });

/** What an answer is taken to begin after, in this order. */
const OPENINGS = ["answer is", "a:", "answer:"];

/** `acc`: any gold is part of the cleaned prediction; `em` and `f1`: official, the best over the aliases. */
export function scoreTriviaqa(text: string, doc: Doc): Scored {
  const answer = bounded(text);
  const { aliases, truths } = goldsOf(doc);
  if (aliases.length + truths.length === 0) return { metrics: {} };
  const prediction = predicted(answer);
  // As published, a gold that cleaning empties ("...And Justice for All") is part of any answer.
  const hit = aliases.some((alias) => prediction.includes(cleaned(alias).toLowerCase()));
  const said = normalized(answer);
  const f1 = truths.map((truth) => tokenF1(words(said), words(normalized(truth))));
  return {
    metrics: {
      acc: hit ? 1 : 0,
      em: truths.some((truth) => normalized(truth) === said) ? 1 : 0,
      f1: Math.max(0, ...f1),
    },
    extracted: prediction || null,
    ...(prediction === "" ? { unparsed: true } : {}),
  };
}

/** Golds for the substring rule, and for the official metrics. A row of OpenCompass has one list for both. */
function goldsOf(doc: Doc): { aliases: string[]; truths: string[] } {
  const plain = listField(doc, "answer", "answers");
  const answer = (doc?.Answer ?? (plain ? {} : doc?.answer) ?? {}) as Doc;
  const aliases = plain ?? listField(answer, "Aliases", "aliases") ?? [];
  const value = field(answer, "Value", "value");
  const named = aliases.length === 0 && value !== "" ? [value] : aliases;
  const human = listField(answer, "HumanAnswers", "human_answers") ?? [];
  const official = listField(answer, "NormalizedAliases", "normalized_aliases") ?? named;
  return { aliases: named, truths: [...official, ...human] };
}

function predicted(answer: string): string {
  const line = strip(answer).split("\n")[0].toLowerCase();
  return cleaned(strip(OPENINGS.reduce((rest, opening) => rest.split(opening).at(-1)!, line)));
}

/** Cut at the first newline, full stop or comma; no punctuation, no articles, single blanks. */
function cleaned(text: string): string {
  const first = text.split(/[\n.,]/)[0];
  return words(first.replace(NEITHER_WORD_NOR_BLANK, "").replace(ARTICLES, "")).join(" ");
}

/** The official cleaning: lower case, punctuation and articles to blanks. */
function normalized(text: string): string {
  const spaced = text.replaceAll("_", " ").toLowerCase().replace(PUNCTUATION, " ")
    .replace(/[‘’´]/g, " ");
  return words(spaced.replace(ARTICLES, " ")).join(" ");
}

/** F1 of two bags of words; 0 when they share none. */
function tokenF1(said: readonly string[], truth: readonly string[]): number {
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

/**
 * The question with one question mark. OpenCompass's opening of the answer, `A:`, falls away where a chat
 * template opens it.
 */
export function promptTriviaqa(doc: Doc): Message[] {
  const question = field(doc, "Question", "question").replace(/\?$/, "");
  const content =
    "Answer these questions, your answer should be as simple as possible, start your " +
    `answer with the prompt 'The answer is '.\nQ: ${question}?`;
  return [{ role: "user", content }];
}
