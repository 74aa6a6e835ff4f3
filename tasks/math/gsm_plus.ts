import type { Row } from "../../lib/data/source.ts";
import { rowItems } from "../../lib/eval/items.ts";
import { scoreGsmPlus } from "../../lib/eval/math/gsm_plus.ts";
import { promptGsm8k } from "../../lib/eval/math/prompts.ts";
import { type PartScore, task } from "../../lib/eval/task.ts";

const LICENCE = "none stated in the repository";
const GITHUB = {
  repo: "github:qtli/GSM-Plus",
  revision: "3474129ec12fcd3e8ac08cb037aca1928efca98c",
};

/** GSM8K in eight perturbations (Li et al., 2024): GSM8K's prompt, the authors' rule. */
export default task({
  name: "gsm_plus",
  title: "GSM-Plus",
  group: "math",
  summary: "final number, 4-shot",
  source: [
    {
      repo: "qintongli/GSM-Plus",
      files: [{ name: "data/test-00000-of-00001.parquet", rows: 10552 }],
      licence: LICENCE,
      items: 10552,
    },
    {
      form: "jsonl",
      ...GITHUB,
      files: [{
        name: "gsmplus_test.jsonl",
        path: "dataset/gsmplus_test.jsonl",
        rows: 10552,
        digest: "971fdd3c8ad17fa252d7faf9b830ec80ea31a800",
      }],
      licence: LICENCE,
      items: 10552,
    },
    {
      form: "testmini",
      ...GITHUB,
      files: [{
        name: "gsmplus_testmini.jsonl",
        path: "dataset/gsmplus_testmini.jsonl",
        rows: 2400,
      }],
      licence: LICENCE,
      items: 2400,
    },
  ],
  items: rowItems("gsm_plus", { doc: (row) => isOpen(row) ? { ...row, answer: "None" } : row }),
  needs: ["answer"],
  prompt: promptGsm8k,
  decode: { gen_length: 4096 },
  metric: "acc",
  score: scoreGsmPlus,
  parts: { perturbation: ({ perturbation_type }) => String(perturbation_type) },
  summaries: {
    acc_without_critical_thinking: { over: "perturbation", mean: withoutCriticalThinking },
  },
  // Performance drop rate: the share of GSM8K's score that the perturbations cost.
  against: { pdr: { task: "gsm8k", of: (own, original) => 1 - own / original } },
  deviations: [
    "GSM8K's prompt asks for no `####`, and the official rule takes an answer without it for doubt",
  ],
  reported: { mini: 86.24, flash: 89.64 },
  examples: [
    { answer: "#### 4.33", doc: { answer: "4.33", perturbation_type: "x" }, score: 1 },
    { answer: "#### 4", doc: { answer: "4.33", perturbation_type: "x" }, score: 0 },
    {
      answer: "It cannot be determined.",
      doc: { answer: "None", perturbation_type: "critical thinking" },
      score: 1,
    },
  ],
});

/** The seven kinds of problem that have a number for an answer, by items. */
function withoutCriticalThinking(parts: ReadonlyMap<string, PartScore>): number {
  const kept = [...parts].filter(([kind]) => kind !== "critical thinking");
  const items = kept.reduce((sum, [, { items }]) => sum + items, 0);
  return kept.reduce((sum, [, p]) => sum + p.score * p.items, 0) / items;
}

/** A problem that cannot be solved, where its answer is null: the authors' own files say "None". */
function isOpen({ perturbation_type, answer }: Row): boolean {
  return perturbation_type === "critical thinking" && answer === null;
}
