/** OlympiadBench (He et al., 2024), open-ended maths: Qwen's judge, the official one, Math-Verify. */
import { bounded, strip } from "../choice/python_text.ts";
import { equalMathVerify, extractMathVerify } from "./math_verify.ts";
import { equalOlympiad, OLYMPIAD_ERROR } from "./olympiad.ts";
import { equalQwen, extractQwen, stripQwen } from "./qwen.ts";
import type { Doc, Score } from "../task.ts";
import { pyFloat, stripSet } from "./text.ts";

/** Scores an answer against the first element of `final_answer`. */
export function scoreOlympiadBench(text: string, doc: Doc): Score {
  const answer = bounded(text);
  const golds = doc.final_answer;
  const gold = Array.isArray(golds) && typeof golds[0] === "string" ? golds[0] : "";
  const extracted = extractQwen(answer);
  return {
    metrics: {
      acc: equalQwen(extracted, stripQwen(stripSet(gold, "$"))) ? 1 : 0,
      // The official runner hands the prediction to the judger in the gold's place.
      acc_official: equalOlympiad(finalAnswer(answer), gold, errorsOf(doc)) ? 1 : 0,
      acc_math_verify: equalMathVerify(extractMathVerify(answer), gold) ? 1 : 0,
    },
    unparsed: extracted === "",
    extracted,
  };
}

/** Rest of the line after the last "So the final answer is ", else the whole reply. */
function finalAnswer(answer: string): string {
  const cue = "So the final answer is ";
  const lines = answer.split("\n").filter((line) => line.includes(cue));
  const last = lines.at(-1);
  return last === undefined ? answer : strip(last.slice(last.indexOf(cue) + cue.length));
}

/** Allowed errors of a row; tuples have none of their own. */
function errorsOf(doc: Doc): number[] {
  if (typeof doc.error !== "string" || doc.error === "") return [OLYMPIAD_ERROR];
  if (String(doc.answer_type).includes("Tuple")) return [OLYMPIAD_ERROR];
  return doc.error.split(",").map((error) => pyFloat(error) ?? OLYMPIAD_ERROR);
}
