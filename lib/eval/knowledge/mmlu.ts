/** MMLU (Hendrycks et al., 2021). Default: OpenCompass with simple-evals' wording, 0-shot reasoning. */
import type { Message } from "../../records/record.ts";
import { firstOption } from "../choice/first_option.ts";
import { answerLine } from "../choice/letters.ts";
import { multilingualAnswer } from "../choice/multilingual.ts";
import { bounded } from "../choice/python_text.ts";
import {
  field,
  letterOf,
  optionLines,
  optionsOf,
  type PromptOptions,
  scoreLetters,
} from "../choice/row.ts";
import { reasonThenLetter } from "./wording.ts";
import type { Doc, Score } from "../task.ts";

/** `acc` by the answer line; `acc_first_option` OpenCompass's 5-shot rule; `acc_simple_evals` simple-evals' own. */
export function scoreMmlu(text: string, doc: Doc): Score {
  const answer = bounded(text);
  return scoreLetters(goldOf(doc), {
    acc: answerLine(answer, "ABCD"),
    acc_first_option: firstOption(answer, "ABCD"),
    acc_simple_evals: multilingualAnswer(answer),
  });
}

/** The question for an answer with reasoning; with shots the direct few-shot form (for `acc_first_option`). */
export function promptMmlu(doc: Doc, { shots = [] }: PromptOptions = {}): Message[] {
  if (shots.length === 0) {
    return [{ role: "user", content: reasonThenLetter(questionOf(doc), optionsOf(doc)) }];
  }
  const subject = field(doc, "subject", "type").replaceAll("_", " ");
  const ask = (row: Doc): Message => ({
    role: "user",
    content:
      `There is a single choice question about ${subject}. Answer the question by replying A, B, C or D.\n` +
      `Question: ${questionOf(row)}\n${optionLines(optionsOf(row), ". ")}\nAnswer: `,
  });
  return [
    ...shots.flatMap((row) => [ask(row), { role: "assistant", content: `${goldOf(row)}\n` }]),
    ask(doc),
  ];
}

function goldOf(doc: Doc): string {
  return letterOf(doc?.answer ?? doc?.target);
}

function questionOf(doc: Doc): string {
  return field(doc, "question", "input");
}
