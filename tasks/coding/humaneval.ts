import { humanevalPrompt, scoreHumaneval } from "../../lib/eval/coding/functions.ts";
import { rowItems } from "../../lib/eval/items.ts";
import { task } from "../../lib/eval/task.ts";
import { twiceExamples } from "./twice_examples.ts";

const LICENCE = "MIT";

/** Python functions from their docstrings (Chen et al., 2021): the official tests. */
export default task({
  name: "humaneval",
  title: "HumanEval",
  group: "coding",
  summary: "Python function run against tests",
  source: [
    {
      repo: "openai/openai_humaneval",
      files: [{ name: "openai_humaneval/test-00000-of-00001.parquet", rows: 164 }],
      licence: LICENCE,
      items: 164,
    },
    { form: "jsonl", files: [{ name: "HumanEval.jsonl" }], licence: LICENCE, items: 164 },
  ],
  items: rowItems("humaneval", { id: ({ task_id }) => task_id }),
  needs: ["prompt", "test"],
  prompt: humanevalPrompt,
  decode: { gen_length: 4096 },
  metric: "pass",
  score: scoreHumaneval,
  reported: { mini: 86.59, flash: 94.51, qwen: 93.29, ling: 85.98 },
  examples: twiceExamples({
    prompt: 'def twice(x):\n    """Twice x."""\n',
    entry_point: "twice",
    test: "def check(candidate):\n    assert candidate(2) == 4\n",
  }),
});
