/** GSM8K (Cobbe et al., 2021), and the number rules that GSM-Plus shares with it. */
import { bounded } from "../choice/python_text.ts";
import { equalV2, extractV2 } from "./opencompass_v2.ts";
import { equalQwen, extractQwen, stripQwen } from "./qwen.ts";
import { field } from "../choice/row.ts";
import { pyFloat, pyInt } from "./text.ts";
import type { Doc, Score } from "../task.ts";

/** Scores an answer: OpenCompass' last number (`acc`), boxed v2, Qwen, lm-eval's exact matches. */
export function scoreGsm8k(text: string, doc: Doc): Score {
  const answer = bounded(text);
  const solution = field(doc, "answer");
  const gold = (solution.split("#### ")[1] ?? "").replaceAll(",", "");
  const found = lastNumberBefore(answer, "Question:");
  return {
    metrics: {
      acc: sameNumber(found, gold) ? 1 : 0,
      acc_boxed_v2: equalV2(extractV2(answer), gold) ? 1 : 0,
      acc_qwen: equalQwen(extractQwen(answer), stripQwen(solution.split("####")[1] ?? "")) ? 1 : 0,
      ...exactMatches(answer, solution),
    },
    unparsed: found === undefined,
    extracted: found ?? null,
  };
}

/** The last number before a word, sign and decimals kept, commas splitting it. */
function lastNumberBefore(text: string, stop: string): string | undefined {
  return text.split(stop)[0]!.match(/-?\p{Nd}+(?:\.\p{Nd}+)?/gu)?.at(-1);
}

function sameNumber(found: string | undefined, gold: string): boolean {
  const value = found === undefined ? undefined : pyFloat(found);
  const wanted = pyInt(gold);
  if (value === undefined || wanted === undefined) return (found ?? "NULL") === gold;
  return found === gold || Math.abs(value - Number(wanted)) < 1e-6;
}

/** lm-eval's `exact_match`, after `#### ` (first) and of the last run of digits and marks. */
export function exactMatches(answer: string, solution: string): Record<string, number> {
  const strict = /#### (-?[0-9.,]+)/.exec(answer)?.[1] ?? "[invalid]";
  const runs = answer.match(/-?[$0-9.,]{2,}|-?[0-9]+/g);
  const flexible = runs?.at(-1) ?? "[invalid]";
  const gold = ignoring(solution);
  return {
    exact_match_strict: ignoring(strict) === gold ? 1 : 0,
    exact_match_flexible: ignoring(flexible) === gold ? 1 : 0,
  };
}

/** Commas, dollar signs, all up to the last `#### ` and one final point ignored; case too. */
function ignoring(text: string): string {
  const s = text.replace(/[,$]/g, "");
  const mark = s.lastIndexOf("#### ");
  const rest = mark < 0 ? s : s.slice(mark + 5);
  return rest.replace(/\.$/, "").toLowerCase();
}
