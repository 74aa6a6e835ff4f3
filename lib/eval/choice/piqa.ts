/** PIQA (Bisk et al., 2020). Default: OpenCompass, 0-shot, first-option rule. */
import type { Message } from "../../records/record.ts";
import { firstOption } from "./first_option.ts";
import { bounded } from "./python_text.ts";
import { field, letterOf, optionLines, scoreLetters } from "./row.ts";
import type { Doc, Score } from "../task.ts";

/** `acc` by the first-option rule over AB. */
export function scorePiqa(text: string, doc: Doc): Score {
  return scoreLetters(letterOf(doc?.label), { acc: firstOption(bounded(text), "AB") });
}

/** The goal and its two solutions. */
export function promptPiqa(doc: Doc): Message[] {
  const solutions = [field(doc, "sol1"), field(doc, "sol2")];
  const content = `${field(doc, "goal")}\n${optionLines(solutions, ". ")}\nAnswer:`;
  return [{ role: "user", content }];
}
