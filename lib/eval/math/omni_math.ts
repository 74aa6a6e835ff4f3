/** Omni-MATH (Gao et al., 2024): the rule-gradable subset, and the verdict of a judge's report. */
import { equalMathVerify } from "./math_verify.ts";
import { equalQwen, extractQwen, stripQwen } from "./qwen.ts";
import { type Doc, field, type MathScore } from "./score.ts";
import { bounded } from "./text.ts";

/** Scores an answer, or reads a judge's report on one when the row is of kind `judge_report`. */
export function scoreOmniMath(text: string, doc: Doc): MathScore {
  const answer = bounded(text);
  if (doc.kind === "judge_report") return judgeVerdict(answer);
  const gold = field(doc, "answer");
  const extracted = extractQwen(answer);
  return {
    metrics: {
      acc_rule: equalQwen(extracted, stripQwen(gold)) ? 1 : 0,
      acc_math_verify: equalMathVerify(answer, gold) ? 1 : 0,
    },
    unparsed: extracted === "",
    extracted,
  };
}

/**
 * The first line under `## Equivalence Judgement`, correct only when it is exactly TRUE; a report
 * without sections has no verdict.
 */
export function judgeVerdict(report: string): MathScore {
  const sections = report.split("## ");
  if (sections.length === 1) return { metrics: {}, unparsed: true, extracted: null };
  const section = sections.find((s) => s.startsWith("Equivalence Judgement"));
  const verdict = section?.split("\n")[1]?.trim() ?? "";
  return { metrics: { judge_correct: verdict === "TRUE" ? 1 : 0 }, extracted: verdict };
}
