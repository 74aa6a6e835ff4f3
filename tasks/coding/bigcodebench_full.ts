import { bigcodebenchPrompt, scoreBigcodebench } from "../../lib/eval/coding/bigcodebench.ts";
import { rowItems } from "../../lib/eval/items.ts";
import { task } from "../../lib/eval/task.ts";

const LICENCE = "Apache-2.0";

/** Practical tasks with many libraries (Zhuo et al., 2024), instruct form: calibrated unit tests. */
export default task({
  name: "bigcodebench_full",
  title: "BigCodeBench-Full",
  group: "coding",
  summary: "Python with libraries run against unit tests",
  source: [
    {
      repo: "bigcode/bigcodebench",
      files: [{ name: "data/v0.1.4-00000-of-00001.parquet", rows: 1140 }],
      licence: LICENCE,
      items: 1140,
    },
    {
      form: "jsonl",
      // The second name is that of the authors' own cache.
      files: [{ name: "bigcodebench.jsonl", path: "BigCodeBench-v0.1.4.jsonl" }],
      licence: LICENCE,
      items: 1140,
    },
  ],
  items: rowItems("bigcodebench_full", { id: ({ task_id }) => task_id }),
  needs: ["code_prompt", "test"],
  prompt: bigcodebenchPrompt,
  decode: { gen_length: 4096 },
  metric: "pass",
  score: scoreBigcodebench,
  deviations: ["the libraries' versions of this machine: compare with reference solutions there"],
  reported: { mini: 32.89, flash: 41.58, qwen: 41.49, ling: 40.7 },
  examples: [
    { answer: "```python\ndef task_func(x):\n    return 2 * x\n```", doc: doc(), score: 1 },
    { answer: "def task_func(x):\n    return 2 * x\n```\nThat is all.", doc: doc(), score: 1 },
    { answer: "```python\ndef task_func(x):\n    return x\n```", doc: doc(), score: 0 },
    { answer: "", doc: doc(), score: 0 },
  ],
  sandbox: true,
});

function doc() {
  return {
    task_id: "BigCodeBench/0",
    instruct_prompt: "Write task_func(x) that gives twice x.",
    code_prompt: "def task_func(x):\n",
    entry_point: "task_func",
    test: "import unittest\n\nclass TestCases(unittest.TestCase):\n    def test_two(self):\n" +
      "        self.assertEqual(task_func(2), 4)\n",
    libs: "[]",
  };
}
