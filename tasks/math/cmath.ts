import { rowItems } from "../../lib/eval/items.ts";
import { scoreCmath } from "../../lib/eval/math/cmath.ts";
import { promptBoxed, promptCmath } from "../../lib/eval/math/prompts.ts";
import { task } from "../../lib/eval/task.ts";

const LICENCE = "CC BY 4.0";

/** Chinese elementary-school word problems (Wei et al., 2023): one of the last two numbers. */
export default task({
  name: "cmath",
  title: "CMATH",
  group: "math",
  summary: "final number in Chinese",
  source: [
    {
      repo: "weitianwen/cmath",
      files: [{ name: "cmath_test.jsonl", rows: 1098 }],
      licence: LICENCE,
      items: 1098,
    },
    {
      form: "dev",
      repo: "github:XiaoMi/cmath",
      revision: "9fa13ef0b2d03f5a18c1ace7001248d3981d65ea",
      files: [{ name: "cmath_dev.jsonl", path: "datasets/cmath_dev.jsonl", rows: 600 }],
      licence: LICENCE,
      items: 600,
    },
  ],
  items: rowItems("cmath"),
  needs: [["golden", "answer"]],
  prompt: promptCmath,
  decode: { gen_length: 4096 },
  metric: "acc",
  score: scoreCmath,
  parts: { grade: ({ grade }) => String(grade) },
  variants: {
    boxed: {
      summary: "boxed answer",
      prompt: (doc) => promptBoxed(promptCmath(doc)[0].content as string),
    },
  },
  deviations: ["answers without a number count as wrong: the original leaves them out"],
  reported: { mini: 95.72, flash: 96.9 },
  examples: [
    { answer: "答案是9。", doc: { golden: "9" }, score: 1 },
    { answer: "答案是8。", doc: { golden: "9" }, score: 0 },
    { answer: "", doc: { golden: "9" }, score: 0 },
  ],
});
