import { mbppPrompt, scoreMbpp } from "../../lib/eval/coding/functions.ts";
import { rowItems } from "../../lib/eval/items.ts";
import { task } from "../../lib/eval/task.ts";
import { twiceExamples } from "./twice_examples.ts";

/** Basic Python problems (Austin et al., 2021), the whole sanitized file: its asserts, 0-shot. */
export default task({
  name: "mbpp",
  title: "MBPP",
  group: "coding",
  summary: "Python function run against asserts",
  source: {
    repo: "github:google-research/google-research",
    revision: "master",
    files: [{ name: "sanitized-mbpp.json", path: "mbpp/sanitized-mbpp.json", rows: 427 }],
    licence: "CC BY 4.0",
    items: 427,
  },
  items: rowItems("mbpp", { id: ({ task_id }) => task_id }),
  prompt: mbppPrompt,
  decode: { gen_length: 4096 },
  metric: "pass",
  score: scoreMbpp,
  deviations: ["0-shot on all 427: the report's scores fit them, and they hold the usual shots"],
  reported: { mini: 81.5, flash: 88.29, qwen: 86.65, ling: 85.01 },
  examples: twiceExamples({
    task_id: 1,
    prompt: "Write a function to double a number.",
    test_imports: [],
    test_list: ["assert twice(2) == 4", "assert twice(0) == 0"],
  }),
});
