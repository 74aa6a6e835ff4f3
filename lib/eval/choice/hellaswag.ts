/** HellaSwag (Zellers et al., 2019). Default: OpenCompass, 0-shot, first-option rule. */
import type { Message } from "../../records/record.ts";
import { firstOption } from "./first_option.ts";
import { bounded, strip } from "./python_text.ts";
import { field, letterOf, listField, optionLines, scoreLetters } from "./row.ts";
import type { Doc, Score } from "../task.ts";

/** `acc` by the first-option rule over ABCD. */
export function scoreHellaswag(text: string, doc: Doc): Score {
  return scoreLetters(letterOf(doc?.label), { acc: firstOption(bounded(text), "ABCD") });
}

/** The context and the four endings. */
export function promptHellaswag(doc: Doc): Message[] {
  const context = `${field(doc, "ctx_a")} ${capitalized(field(doc, "ctx_b"))}`;
  const query = cleaned(`${field(doc, "activity_label")}: ${context}`);
  const endings = (listField(doc, "endings") ?? []).map(cleaned);
  const colon = query.indexOf(": ");
  const content = `${colon < 0 ? query : query.slice(colon + 2)}\n` +
    `Question: Which ending makes the most sense?\n${optionLines(endings, ". ")}\n` +
    "You may choose from 'A', 'B', 'C', 'D'.\nAnswer:";
  return [{ role: "user", content }];
}

/** lm-evaluation-harness' cleaning of WikiHow's marks; double blanks are halved once. */
function cleaned(text: string): string {
  return strip(text).replaceAll(" [title]", ". ").replace(/\[[^\]\n]*\]/g, "").replaceAll(
    "  ",
    " ",
  );
}

/** `str.capitalize()`: the first letter upper case, all others lower case. */
function capitalized(text: string): string {
  const [first = "", ...rest] = text;
  return first.toUpperCase() + rest.join("").toLowerCase();
}
