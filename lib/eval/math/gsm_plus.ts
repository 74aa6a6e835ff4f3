/** GSM-Plus (Li et al., 2024): the official "cot" rule and lm-eval's exact matches. */
import { bounded } from "../choice/python_text.ts";
import { equalAnswers } from "./equal.ts";
import { exactMatches } from "./gsm8k.ts";
import { cleanMinerva } from "./minerva.ts";
import { field } from "../choice/row.ts";
import { pyFloat, stripEnd } from "./text.ts";
import type { Doc, Score } from "../task.ts";

/** Scores an answer; rows whose problem cannot be solved ("critical thinking") ask for doubt. */
export function scoreGsmPlus(text: string, doc: Doc): Score {
  const answer = bounded(text);
  const raw = field(doc, "answer");
  const gold = raw === "None" ? raw : cleanMinerva(withoutZeros(raw), { cues: false });
  const doubt = field(doc, "perturbation_type") === "critical thinking";
  const found = doubt ? (doubts(answer) ? "None" : "") : number(answer);
  const pred = found === "None" ? found : cleanMinerva(found, { cues: false });
  return {
    metrics: {
      acc: same(withoutZeros(gold), withoutZeros(pred)) ? 1 : 0,
      ...exactMatches(answer, field(doc, "solution")),
    },
    unparsed: pred === "",
    extracted: pred,
  };
}

/** The number after the last `####` before "Question", else the last number there. */
function number(answer: string): string {
  const text = stripEnd(answer, ".").replaceAll(",", "").split("Question")[0]!;
  const marked = text.split("\n").flatMap((line) => line.split("####").slice(1, 2)).at(-1);
  const NUMBER = /-?\p{Nd}+(?:\.\p{Nd}+)?(?:\/\p{Nd}+)?/gu;
  const found = marked !== undefined && /\p{Nd}/u.test(marked)
    ? withoutZeros(marked.trim()).match(NUMBER)?.[0]
    : text.match(NUMBER)?.at(-1);
  return found === undefined ? "" : stripEnd(withoutZeros(found), ".").trim();
}

const DOUBTS =
  ("does not provide enough information|does not specify|does not provide|can't provide|can not provide|" +
    "don't know|do not know|doesn't specify|not specify|not mention|doesn't mention|" +
    "don't have enough information|do not have enough|not provide|doesn't provide|cannot calculate|" +
    "can't calculate|can't determine|cannot determine|missing necessary information|none").split(
      "|",
    );

/** Whether the answer doubts, or leaves out the `####` that an answer has. */
function doubts(answer: string): boolean {
  const text = stripEnd(answer, ".").replaceAll(",", "").toLowerCase();
  return DOUBTS.some((phrase) => text.includes(phrase)) || !text.includes("####");
}

/** A number without zeros at the end of its decimals, as Python prints it; other text as it is. */
function withoutZeros(text: string): string {
  const value = pyFloat(text);
  if (value === undefined || !Number.isFinite(value)) return text;
  if (Number.isInteger(value)) {
    return Math.abs(value) < 1e16
      ? String(value)
      : text.includes(".")
      ? text
      : BigInt(value).toString();
  }
  return String(value);
}

function same(gold: string, pred: string): boolean {
  if (gold === pred) return pred !== "";
  return pred !== "" && pred !== "None" && gold !== "None" && equalAnswers(gold, pred);
}
