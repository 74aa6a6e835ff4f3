import { rowItems } from "../../lib/eval/items.ts";
import { scoreMath } from "../../lib/eval/math/math.ts";
import { promptBoxed } from "../../lib/eval/math/prompts.ts";
import { task } from "../../lib/eval/task.ts";

const LICENCE = "MIT (code); the problems belong to their contests";
const CONFIGS = {
  algebra: 1187,
  counting_and_probability: 474,
  geometry: 479,
  intermediate_algebra: 903,
  number_theory: 540,
  prealgebra: 871,
  precalculus: 546,
};

/** Competition problems (Hendrycks et al., 2021), the whole test split: boxed expression, symbolic equality. */
export default task({
  name: "math",
  title: "MATH",
  group: "math",
  summary: "boxed expression",
  source: [
    {
      repo: "EleutherAI/hendrycks_math",
      files: Object.entries(CONFIGS).map(([config, rows]) => ({
        name: `${config}/test-00000-of-00001.parquet`,
        rows,
      })),
      licence: LICENCE,
      items: 5000,
    },
    {
      form: "folders",
      files: Object.entries(CONFIGS).map(([config, rows]) => ({
        name: `MATH/test/${config}/`,
        format: "json",
        rows,
        archive: { path: "MATH.tar", url: "https://people.eecs.berkeley.edu/~hendrycks/MATH.tar" },
      })),
      licence: LICENCE,
      items: 5000,
    },
    {
      form: "MATH-500",
      repo: "github:KbsdJames/omni-math-rule",
      revision: "4793415ef37d31c9cdb4e5b82dbe172f76f8cf08",
      files: [{ name: "math500.jsonl", path: "evaluation/data/math/test.jsonl", rows: 500 }],
      licence: LICENCE,
      items: 500,
    },
  ],
  items: rowItems("math"),
  needs: [["answer", "solution"]],
  prompt: ({ problem }) => promptBoxed(String(problem)),
  decode: { gen_length: 16384 },
  metric: "acc",
  score: scoreMath,
  parts: {
    subject: ({ subject, type }) => String(subject ?? type),
    level: ({ level }) => String(level),
  },
  variants: { short: { summary: "OpenCompass's limit", decode: { gen_length: 1024 } } },
  reported: { mini: 93.22, flash: 95.44, qwen: 96.7, ling: 96.1 },
  examples: [
    { answer: "So $\\boxed{\\dfrac{1}{2}}$.", doc: { answer: "\\frac{1}{2}" }, score: 1 },
    { answer: "\\boxed{0.5}", doc: { answer: "\\frac{1}{2}" }, score: 1 },
    { answer: "\\boxed{\\frac13}", doc: { answer: "\\frac{1}{2}" }, score: 0 },
    { answer: "", doc: { answer: "2" }, score: 0 },
  ],
});
