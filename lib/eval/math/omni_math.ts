/** Omni-MATH (Gao et al., 2024): the rule-gradable subset, and the verdict of a judge's report. */
import type { Doc, Judge, Score } from "../task.ts";
import { bounded, strip } from "../choice/python_text.ts";
import { equalMathVerify, extractMathVerify } from "./math_verify.ts";
import { equalQwen, extractQwen } from "./qwen.ts";
import { field } from "../choice/row.ts";

/** Scores an answer, or reads a judge's report on one when the row is of kind `judge_report`. */
export function scoreOmniMath(text: string, doc: Doc): Score {
  const answer = bounded(text);
  if (doc.kind === "judge_report") return judgeVerdict(answer);
  const gold = field(doc, "answer");
  const extracted = extractQwen(answer);
  return {
    metrics: {
      // Two dozen gold answers are boxed themselves.
      acc_rule: equalQwen(extracted, extractQwen(boxed(gold))) ? 1 : 0,
      acc_math_verify: equalMathVerify(extractMathVerify(answer), gold) ? 1 : 0,
    },
    unparsed: extracted === "",
    extracted,
  };
}

function boxed(gold: string): string {
  return gold.includes("boxed") ? gold : `\\boxed{${gold}}`;
}

/**
 * What the last section `## Equivalence Judgement` says in its first line, correct only when it is
 * exactly TRUE; a report without one has no verdict, and the original leaves it out of the mean.
 */
function judgeVerdict(report: string): Score {
  const sections = report.split("## ").slice(1).map((section) => strip(section).split("\n"));
  const lines = sections.findLast(([title]) => strip(title) === "Equivalence Judgement");
  if (lines === undefined) return { metrics: {}, unparsed: true, extracted: null };
  const verdict = strip(lines[1] ?? "");
  return { metrics: { judge_correct: verdict === "TRUE" ? 1 : 0 }, extracted: verdict };
}

/** The rules' metrics, and `judge_correct` from a language model's report on the answer. */
export async function judgedOmniMath(text: string, doc: Doc, judge: Judge): Promise<Score> {
  const score = scoreOmniMath(text, doc);
  const report = await judge.ask(judgePrompt(bounded(text), doc));
  return { ...score, metrics: { ...score.metrics, ...judgeVerdict(report).metrics } };
}

/** Asks for the three sections of the original's report; the wording is ours. */
function judgePrompt(answer: string, doc: Doc): string {
  return [
    "Compare a student's solution of a competition problem with the reference answer. The final " +
    "answers must mean the same; how they were found does not matter. Reply in exactly this form:",
    "## Student Final Answer\n(the student's final answer)",
    "## Equivalence Judgement\nTRUE or FALSE",
    "## Justification\n(one paragraph)",
    `# Problem\n${field(doc, "problem")}`,
    `# Reference answer\n${field(doc, "answer")}`,
    `# Student's solution\n${answer}`,
  ].join("\n\n");
}
