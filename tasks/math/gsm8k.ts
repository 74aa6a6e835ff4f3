import { rowItems } from "../../lib/eval/items.ts";
import { scoreGsm8k } from "../../lib/eval/math/gsm8k.ts";
import { promptBoxed, promptGsm8k } from "../../lib/eval/math/prompts.ts";
import { task } from "../../lib/eval/task.ts";

const LICENCE = "MIT";

/** Grade-school word problems (Cobbe et al., 2021): 4-shot, last number. */
export default task({
  name: "gsm8k",
  title: "GSM8K",
  group: "math",
  summary: "final number, 4-shot",
  source: [
    {
      repo: "github:openai/grade-school-math",
      revision: "3101c7d5072418e28b9008a6636bde82a006892c",
      files: [{ name: "test.jsonl", path: "grade_school_math/data/test.jsonl", rows: 1319 }],
      licence: LICENCE,
      items: 1319,
    },
    {
      form: "hub",
      repo: "openai/gsm8k",
      files: [{ name: "main/test-00000-of-00001.parquet", rows: 1319 }],
      licence: LICENCE,
      items: 1319,
    },
  ],
  items: rowItems("gsm8k"),
  needs: ["answer"],
  prompt: promptGsm8k,
  decode: { gen_length: 4096 },
  metric: "acc",
  score: scoreGsm8k,
  variants: {
    boxed: {
      summary: "0-shot, boxed answer",
      prompt: ({ question }) => promptBoxed(String(question)),
      metric: "acc_boxed_v2",
    },
    short: { summary: "OpenCompass's limit", decode: { gen_length: 512 } },
  },
  reported: { mini: 94.24, flash: 96.06, qwen: 96.36, ling: 95.45 },
  examples: [
    { answer: "9 * 2 = 18. The answer is 18.", doc: { answer: "#### 18" }, score: 1 },
    { answer: "The answer is 70,000.", doc: { answer: "#### 70,000" }, score: 0 },
    { answer: "I cannot tell", doc: { answer: "#### 18" }, score: 0 },
  ],
});
