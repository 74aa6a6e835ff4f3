/** MMLU-Pro (Wang et al., 2024). Default: OpenCompass, 0-shot reasoning; official: 5-shot with reasoning. */
import type { Message } from "../../records/record.ts";
import { answerLine } from "../choice/letters.ts";
import { bounded, pythonPattern } from "../choice/python_text.ts";
import {
  field,
  letterOf,
  listField,
  optionLines,
  type PromptOptions,
  scoreLetters,
} from "../choice/row.ts";
import { lastLineRequest } from "./wording.ts";
import type { Doc, Score } from "../task.ts";

const SAID = pythonPattern("answer is \\(?([A-J])\\)?");
const LABELLED = pythonPattern("[aA]nswer:(?=\\s*([A-J]))", { global: true });
const ALONE = pythonPattern("\\b[A-J]\\b", { global: true });

/**
 * `acc` by the answer line over A-P; `acc_official` by the repository's three steps, `acc_official_l1` by the
 * first alone. Where the official code would guess, both are 0.
 */
export function scoreMmluPro(text: string, doc: Doc): Score {
  const answer = bounded(text);
  const said = SAID.exec(answer)?.[1] ?? null;
  return scoreLetters(letterOf(doc?.answer ?? doc?.answer_index), {
    acc: answerLine(answer, "ABCDEFGHIJKLMNOP"),
    acc_official: said ?? labelled(answer) ?? standingAlone(answer),
    acc_official_l1: said,
  });
}

/** The last `Answer: X` that begins on the first line where one begins. */
function labelled(text: string): string | null {
  let found: RegExpExecArray | undefined;
  for (const match of text.matchAll(LABELLED)) {
    if (found && text.slice(found.index, match.index).includes("\n")) break;
    found = match;
  }
  return found?.[1] ?? null;
}

/** The last capital A-J between word boundaries. */
function standingAlone(text: string): string | null {
  return [...text.matchAll(ALONE)].at(-1)?.[0] ?? null;
}

/** The question for an answer with reasoning; with shots the official text, reasoning in each example. */
export function promptMmluPro(doc: Doc, { shots = [] }: PromptOptions = {}): Message[] {
  const content = shots.length === 0 ? reasoned(doc) : official(doc, shots);
  return [{ role: "user", content }];
}

function reasoned(doc: Doc): string {
  return `${lastLineRequest("Options(e.g. one of ABCDEFGHIJKLMNOP)")}\n\nQuestion:\n\n` +
    `${field(doc, "question")}\n\nOptions:\n\n${placedLines(doc).join("\n").trim()}`;
}

/** The text of the repository's local runner, which is the reading of `acc_official` too. */
function official(doc: Doc, shots: readonly Doc[]): string {
  const header = "The following are multiple choice questions (with answers) about " +
    `${field(doc, "category")}. Think step by step and then finish your answer with ` +
    '"the answer is (X)" where X is the correct letter choice.\n\n\n\n';
  return header + [...shots, { ...doc, cot_content: "" }].map(example).join("\n\n");
}

function example(row: Doc): string {
  const reasoning = field(row, "cot_content") || "A: Let's think step by step.";
  return `Question:\n${field(row, "question")}\nOptions:\n${optionLines(options(row), ". ")}\n` +
    reasoning.replace("A: Let's think step by step.", "Answer: Let's think step by step.");
}

function options(doc: Doc): string[] {
  return (listField(doc, "options") ?? []).filter((option) => option !== "N/A");
}

/** Options under the letters of their places: OpenCompass leaves those of "N/A" out, the authors close up. */
function placedLines(doc: Doc): string[] {
  return (listField(doc, "options") ?? []).flatMap((option, i) =>
    option === "N/A" ? [] : [`${letterOf(i)}. ${option}`]
  );
}
