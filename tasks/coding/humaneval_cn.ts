import { humanevalCnPrompt, scoreHumanevalCn } from "../../lib/eval/coding/functions.ts";
import { rowItems } from "../../lib/eval/items.ts";
import { task } from "../../lib/eval/task.ts";
import { twiceExamples } from "./twice_examples.ts";

const NAME = "humaneval_python_cn.jsonl";

/** HumanEval with Chinese docstrings: the same tests. */
export default task({
  name: "humaneval_cn",
  title: "HumanEval-CN",
  group: "coding",
  summary: "Python function run against tests, in Chinese",
  source: {
    repo: "github:codefuse-ai/codefuse-evaluation",
    revision: "09a4f2af5bdc55052052c9bd0cb74d47e40198fc",
    files: [{ name: NAME, path: `codefuseEval/data/code_completion/${NAME}` }],
    licence: "Apache-2.0",
    items: 164,
  },
  items: rowItems("humaneval_cn", { id: ({ task_id }) => task_id }),
  needs: ["prompt", "test"],
  prompt: humanevalCnPrompt,
  decode: { gen_length: 4096 },
  metric: "pass",
  score: scoreHumanevalCn,
  deviations: ["CodeFuse's file: whether OpenCompass's texts are the same is unknown"],
  reported: { mini: 78.66, flash: 89.02 },
  examples: twiceExamples({
    task_id: "Python/0",
    prompt: 'def twice(x):\n    """x 的两倍"""\n',
    test: "def check(candidate):\n    assert candidate(2) == 4\n\ncheck(twice)\n",
  }),
});
