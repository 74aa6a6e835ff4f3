import { rowItems } from "../../lib/eval/items.ts";
import { scoreAime } from "../../lib/eval/math/aime.ts";
import { promptAime } from "../../lib/eval/math/prompts.ts";
import { task } from "../../lib/eval/task.ts";

const LICENCE = "problems (c) MAA, for evaluation";

/** The two AIME exams of 2025: 30 problems, integers from 0 to 999 in a box. */
export default task({
  name: "aime2025",
  title: "AIME 2025",
  group: "math",
  summary: "boxed integer",
  source: [
    {
      repo: "MathArena/aime_2025",
      files: [{ name: "data/train-00000-of-00001.parquet", rows: 30 }],
      licence: LICENCE,
      items: 30,
    },
    { form: "jsonl", files: [{ name: "aime2025.jsonl", rows: 30 }], licence: LICENCE, items: 30 },
  ],
  items: rowItems("aime2025", { id: ({ problem_idx }) => problem_idx }),
  needs: ["answer"],
  prompt: promptAime,
  decode: { gen_length: 16384 },
  metric: "acc",
  score: scoreAime,
  reported: { mini: 36.67, flash: 60, qwen: 61.88, ling: 55.89 },
  examples: [
    { answer: "21+49=70, so \\boxed{70}.", doc: { answer: "70" }, score: 1 },
    { answer: "\\boxed{070}", doc: { answer: "70" }, score: 1 },
    { answer: "\\boxed{71}", doc: { answer: "70" }, score: 0 },
    { answer: "", doc: { answer: "70" }, score: 0 },
  ],
});
