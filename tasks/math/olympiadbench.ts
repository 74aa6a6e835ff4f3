import { rowItems } from "../../lib/eval/items.ts";
import { scoreOlympiadBench } from "../../lib/eval/math/olympiadbench.ts";
import { promptOlympiadbench } from "../../lib/eval/math/prompts.ts";
import { task } from "../../lib/eval/task.ts";

const LICENCE = "MIT";

/** Olympiad mathematics in English, text only (He et al., 2024): 675 open problems, boxed answers. */
export default task({
  name: "olympiadbench",
  title: "OlympiadBench",
  group: "math",
  summary: "boxed answers of several kinds",
  source: [
    {
      repo: "github:QwenLM/Qwen2.5-Math",
      revision: "a45202bd16f1ec06f433442dc1152d0074773465",
      files: [{ name: "test.jsonl", path: "evaluation/data/olympiadbench/test.jsonl", rows: 675 }],
      licence: LICENCE,
      items: 675,
    },
    {
      form: "hub",
      repo: "Hothan/OlympiadBench",
      files: [{ name: "OlympiadBench/OE_TO_maths_en_COMP/OE_TO_maths_en_COMP.parquet", rows: 674 }],
      licence: LICENCE,
      items: 674,
    },
  ],
  items: rowItems("olympiadbench", { id: ({ id }) => id }),
  needs: ["final_answer"],
  prompt: promptOlympiadbench,
  decode: { gen_length: 16384 },
  metric: "acc",
  score: scoreOlympiadBench,
  parts: {
    subfield: ({ subfield }) => String(subfield),
    type: ({ answer_type }) => String(answer_type),
  },
  reported: { mini: 67.7, flash: 74.07, qwen: 77.59, ling: 76.19 },
  examples: [
    { answer: "So the final answer is \\boxed{2}.", doc: doc("2"), score: 1 },
    { answer: "So the final answer is \\boxed{3}.", doc: doc("2"), score: 0 },
    { answer: "", doc: doc("2"), score: 0 },
  ],
});

function doc(answer: string) {
  return {
    final_answer: [answer],
    is_multiple_answer: false,
    unit: null,
    answer_type: "Numerical",
    error: null,
  };
}
