/** OCNLI (Hu et al., 2020). Default: OpenCompass, 0-shot, first capital letter. */
import type { Message } from "../../records/record.ts";
import { firstCapital } from "./letters.ts";
import { bounded } from "./python_text.ts";
import { field, scoreLetters } from "./row.ts";
import type { Doc, Score } from "../task.ts";

const LETTERS: Readonly<Record<string, string>> = {
  entailment: "A",
  contradiction: "B",
  neutral: "C",
};

/** `acc` by the first upper-case character; a row whose label is "-" is not scored. */
export function scoreOcnli(text: string, doc: Doc): Score {
  const label = field(doc, "label");
  const gold = Object.hasOwn(LETTERS, label) ? LETTERS[label] : "";
  return scoreLetters(gold, { acc: firstCapital(bounded(text)) });
}

/** The two sentences; the blanks before B and C are the published template's. */
export function promptOcnli(doc: Doc): Message[] {
  const content = `语句一：“${field(doc, "sentence1")}”\n语句二：“${field(doc, "sentence2")}”\n` +
    "请问这两句话是什么关系？\nA. 蕴含\n B. 矛盾\n C. 无关\n请从“A”，“B”，“C”中进行选择。\n答：";
  return [{ role: "user", content }];
}
