/** TriviaQA (Joshi et al., 2017): OpenCompass's substring rule and the official exact match and F1. */
import type { Message } from "../../records/record.ts";
import { bounded, PUNCTUATION, strip, words } from "../choice/python_text.ts";
import { field, listField } from "../choice/row.ts";
import { cleanedSpan, tokenF1, withoutArticles } from "../choice/span.ts";
import type { Doc, Score } from "../task.ts";

/** What an answer is taken to begin after, in this order. */
const OPENINGS = ["answer is", "a:", "answer:"];

/** `acc`: any gold is part of the cleaned prediction; `em` and `f1`: official, the best over the aliases. */
export function scoreTriviaqa(text: string, doc: Doc): Score {
  const answer = bounded(text);
  const { aliases, truths } = goldsOf(doc);
  if (aliases.length + truths.length === 0) return { metrics: {} };
  const prediction = predicted(answer);
  // As published, a gold that cleaning empties ("...And Justice for All") is part of any answer.
  const hit = aliases.some((alias) => prediction.includes(cleanedSpan(alias).toLowerCase()));
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
  return cleanedSpan(strip(OPENINGS.reduce((rest, opening) => rest.split(opening).at(-1)!, line)));
}

/** The official cleaning: lower case, punctuation and articles to blanks. */
function normalized(text: string): string {
  const spaced = text.replaceAll("_", " ").toLowerCase().replace(PUNCTUATION, " ")
    .replace(/[‘’´]/g, " ");
  return withoutArticles(spaced);
}

/**
 * The question behind OpenCompass's request, whose template ends in a question mark although the questions have
 * their own. Its opening of the answer, `A:`, falls away where a chat template opens it.
 */
export function promptTriviaqa(doc: Doc): Message[] {
  const content =
    "Answer these questions, your answer should be as simple as possible, start your " +
    `answer with the prompt 'The answer is '.\nQ: ${field(doc, "Question", "question")}?`;
  return [{ role: "user", content }];
}
