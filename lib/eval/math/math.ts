/** MATH (Hendrycks et al., 2021): the symbolic judge and the published string rules. */
import { bounded } from "../choice/python_text.ts";
import { lastBoxed, unboxed } from "./boxed.ts";
import { equalHendrycks } from "./hendrycks.ts";
import { equalMathVerify, extractMathVerify } from "./math_verify.ts";
import { equalV2, extractV2 } from "./opencompass_v2.ts";
import { equalPrm800k } from "./prm800k.ts";
import { equalQwen, extractQwen, stripQwen } from "./qwen.ts";
import { field } from "../choice/row.ts";
import type { Doc, Score } from "../task.ts";

/** Scores an answer; the gold answer is the field `answer`, else the last box of `solution`. */
export function scoreMath(text: string, doc: Doc): Score {
  const answer = bounded(text);
  const gold = field(doc, "answer") || (unboxed(lastBoxed(field(doc, "solution"))) ?? "");
  const box = unboxed(lastBoxed(answer));
  const extracted = extractMathVerify(answer);
  return {
    metrics: {
      acc: equalMathVerify(extracted, gold) ? 1 : 0,
      acc_hendrycks: equalHendrycks(box, gold) ? 1 : 0,
      acc_opencompass_v2: equalV2(extractV2(answer), gold) ? 1 : 0,
      acc_qwen: equalQwen(extractQwen(answer), stripQwen(gold)) ? 1 : 0,
      acc_prm800k: equalPrm800k(box, gold) ? 1 : 0,
    },
    unparsed: extracted === undefined,
    extracted: extracted?.text ?? null,
  };
}
