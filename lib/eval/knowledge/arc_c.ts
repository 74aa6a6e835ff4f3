/** ARC-Challenge (Clark et al., 2018). Default: OpenCompass, 0-shot, items with four options. */
import type { Message } from "../../records/record.ts";
import { firstOption } from "../choice/first_option.ts";
import { answerLine } from "../choice/letters.ts";
import { bounded } from "../choice/python_text.ts";
import { field, letterOf, listField, optionLines, scoreLetters } from "../choice/row.ts";
import type { Doc, Score } from "../task.ts";

/** `acc` by the first-option rule, `acc_answer_line` for answers with reasoning. */
export function scoreArcC(text: string, doc: Doc): Score {
  const answer = bounded(text);
  return scoreLetters(goldOf(doc), {
    acc: firstOption(answer, "ABCD"),
    acc_answer_line: answerLine(answer, "ABCD"),
  });
}

/** The question and its options, lettered by position whatever their labels are. */
export function promptArcC(doc: Doc): Message[] {
  const { texts } = choicesOf(doc);
  const question = field(doc, "question") || field((doc?.question ?? {}) as Doc, "stem");
  const content = `Question: ${question}\n${optionLines(texts, ". ")}\nAnswer:`;
  return [{ role: "user", content }];
}

/** Letter of the key's position: some items label their options 1 to 4. */
function goldOf(doc: Doc): string {
  const { labels } = choicesOf(doc);
  const at = labels.indexOf(field(doc, "answerKey"));
  return at < 0 ? "" : letterOf(at);
}

/** Choices of the Hugging Face form (two lists) or of the original one (question.choices, a list of pairs). */
function choicesOf(doc: Doc): { texts: string[]; labels: string[] } {
  const question = (doc?.question ?? {}) as Doc;
  const choices = (doc?.choices ?? question.choices ?? {}) as Doc | readonly Doc[];
  if (Array.isArray(choices)) {
    return {
      texts: choices.map((choice) => field(choice, "text")),
      labels: choices.map((choice) => field(choice, "label")),
    };
  }
  const list = (name: string) => listField(choices as Doc, name) ?? [];
  return { texts: list("text"), labels: list("label") };
}
