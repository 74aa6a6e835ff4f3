/**
 * GPQA-Diamond (Rein et al., 2023). Default: OpenCompass with simple-evals' wording, options rotated by row.
 * The authors ask that items are never published in plain text: nothing here prints one.
 */
import type { Message } from "../../records/record.ts";
import { firstOption } from "../choice/first_option.ts";
import { answerLine } from "../choice/letters.ts";
import { bounded, pythonPattern, strip } from "../choice/python_text.ts";
import { field, letterOf, scoreLetters } from "../choice/row.ts";
import { reasonThenLetter } from "./wording.ts";
import type { Doc, Score } from "../task.ts";

/** Order of options by row number modulo 4; A stands for the correct answer. */
const ROTATIONS = ["ABCD", "BCDA", "CDAB", "DABC"];

const SIMPLE_EVALS = pythonPattern("Answer[ \\t]*:[ \\t]*\\$?([A-D])\\$?", { ignoreCase: true });
const CORRECT_ANSWER_IS = pythonPattern("The correct answer is \\((?=[^)])", { ignoreCase: true });

/** Options of a row in the order shown. `row` counts from 1; `rotation` gives further orders for repeats. */
export function rotateGpqa(
  doc: Doc,
  { row, rotation = 0 }: { row: number; rotation?: number },
): string[] {
  const original = [
    field(doc, "Correct Answer"),
    field(doc, "Incorrect Answer 1"),
    field(doc, "Incorrect Answer 2"),
    field(doc, "Incorrect Answer 3"),
  ];
  const turn = (((row + rotation) % 4) + 4) % 4;
  return [...(ROTATIONS[turn] ?? ROTATIONS[0])].map((letter) => original["ABCD".indexOf(letter)]);
}

/**
 * `acc` by the answer line, `acc_first_option` by OpenCompass's older prompt, `acc_simple_evals` by the pattern
 * of simple-evals, `acc_correct_answer_is` by that of the LLaDA-8B reproduction (5-shot).
 */
export function scoreGpqaDiamond(text: string, doc: Doc): Score {
  const answer = bounded(text);
  return scoreLetters(goldOf(doc), {
    acc: answerLine(answer, "ABCD"),
    acc_first_option: firstOption(answer, "ABCD"),
    acc_simple_evals: SIMPLE_EVALS.exec(answer)?.[1] ?? null,
    acc_correct_answer_is: bracketed(answer),
  });
}

/** What stands in brackets after "The correct answer is", to the first closing one. */
function bracketed(text: string): string {
  const head = CORRECT_ANSWER_IS.exec(text);
  const start = head ? head.index + head[0].length : -1;
  const end = head ? text.indexOf(")", start) : -1;
  return end < 0 ? "" : strip(text.slice(start, end));
}

/** The question with its options in the row's order. */
export function promptGpqaDiamond(doc: Doc): Message[] {
  const content = reasonThenLetter(field(doc, "Question"), shownOptions(doc));
  return [{ role: "user", content }];
}

/** The options as the row states them (`option_A`…), else by its `row_number` and `rotation`. */
function shownOptions(doc: Doc): string[] {
  if (typeof doc?.option_A === "string") {
    return [..."ABCD"].map((letter) => field(doc, `option_${letter}`));
  }
  const row = Number(field(doc, "row_number") || 1);
  return rotateGpqa(doc, { row, rotation: Number(field(doc, "rotation") || 0) });
}

/** The stated key, else the first option shown that reads like the correct answer. */
function goldOf(doc: Doc): string {
  const stated = letterOf(doc?.answer);
  if (stated !== "") return stated;
  const correct = field(doc, "Correct Answer");
  const at = correct === "" ? -1 : shownOptions(doc).indexOf(correct);
  return at < 0 ? "" : letterOf(at);
}
