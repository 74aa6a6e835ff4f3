/** AIME 2025 (problems by MAA): the symbolic judge, lm-eval's string rule and OpenCompass' v2. */
import { bounded } from "../choice/python_text.ts";
import { lastBoxed, unboxed } from "./boxed.ts";
import { equalHendrycks } from "./hendrycks.ts";
import { equalMathVerify, extractMathVerify } from "./math_verify.ts";
import { equalV2, extractV2 } from "./opencompass_v2.ts";
import { field } from "../choice/row.ts";
import type { Doc, Score } from "../task.ts";

/** Scores an answer against an integer from 0 to 999. */
export function scoreAime(text: string, doc: Doc): Score {
  const answer = bounded(text);
  const gold = field(doc, "answer");
  const extracted = extractMathVerify(answer);
  return {
    metrics: {
      acc: equalMathVerify(extracted, gold) ? 1 : 0,
      acc_lm_eval: equalHendrycks(lmEvalAnswer(answer), gold, { quotientRaises: true }) ? 1 : 0,
      acc_opencompass_v2: equalV2(extractV2(answer), gold) ? 1 : 0,
    },
    unparsed: extracted === undefined,
    extracted: extracted?.text ?? null,
  };
}

/** The last box, else what stands between the first and the last dollar sign, else all. */
function lmEvalAnswer(answer: string): string {
  const spaced = answer.lastIndexOf("\\boxed ");
  if (spaced >= 0) return answer.slice(spaced + 7).split("$")[0]!;
  const box = unboxed(lastBoxed(answer));
  if (box !== undefined) return box;
  const first = answer.indexOf("$");
  const last = answer.lastIndexOf("$");
  return last > first ? answer.slice(first + 1, last) : answer;
}
