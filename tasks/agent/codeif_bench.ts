import { codeifPrompt, scoreCodeif } from "../../lib/eval/codeif/score.ts";
import { rowItems } from "../../lib/eval/items.ts";
import { task } from "../../lib/eval/task.ts";
import { codeifVariants } from "./codeif_bench_variants.ts";

const SOURCE = {
  repo: "github:zhu-zhu-ding/CodeIF-Bench",
  revision: "a70b6760339d0b962c62ef2f6f1d8a6da44b5662",
  files: [{
    name: "L_1_part_1.jsonl",
    path: "function/L_1_part_1.jsonl",
    rows: 50,
    digest: "26a8a0048d3b3a7259aa2dff70989bcca5496b80",
  }],
  licence: "none stated",
  items: 50,
};

/** Short Python functions (Wang et al., 2025): the first turn's program against its asserts. */
export default task({
  name: "codeif_bench",
  title: "CodeIF-Bench",
  group: "agent",
  summary: "Python function run against asserts",
  source: SOURCE,
  items: rowItems("codeif_bench", { id: ({ task_id }) => task_id }),
  needs: ["test"],
  prompt: codeifPrompt,
  decode: { gen_length: 2048 },
  metric: "passed",
  score: scoreCodeif,
  variants: codeifVariants(SOURCE),
  deviations: [
    "no later turns, which the variants have: the published scores are multiples of 2, those of 50 first turns",
    "6 s for a program instead of 3: the embedded interpreter is slower",
    "a program that ends itself before the asserts fails; the official script looks at the exit code alone",
  ],
  reported: { mini: 48.00, flash: 58.00 },
  examples: [
    { answer: "```python\ndef twice(x):\n    return 2 * x\n```", doc: doc(), score: 1 },
    { answer: "def twice(x):\n    return 2 * x", doc: doc(), score: 1 },
    { answer: "```python\ndef twice(x):\n    return x\n```", doc: doc(), score: 0 },
    { answer: "```\ndef twice(x):\n    return 2 * x\n```", doc: doc(), score: 0 },
    { answer: "import sys\nsys.exit(0)", doc: doc(), score: 0 },
    { answer: "", doc: doc(), score: 0 },
  ],
});

function doc() {
  return {
    prompt: "Write a function called 'twice' to double a number.",
    test: ["assert twice(2) == 4", "assert twice(0) == 0"],
  };
}
