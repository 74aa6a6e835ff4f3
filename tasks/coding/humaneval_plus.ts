import { humanevalPlusPrompt, scoreHumanevalPlus } from "../../lib/eval/coding/evalplus.ts";
import { exactItems } from "../../lib/eval/items.ts";
import { task } from "../../lib/eval/task.ts";
import { twiceExamples } from "./twice_examples.ts";

const LICENCE = "Apache-2.0";
const NAME = "HumanEvalPlus.jsonl.gz";

/** HumanEval with many more inputs (Liu et al., 2023): outputs equal the reference's on all. */
export default task({
  name: "humaneval_plus",
  title: "HumanEval+",
  group: "coding",
  summary: "Python function run on many inputs",
  source: [
    {
      files: [{
        name: NAME,
        url: `https://github.com/evalplus/humanevalplus_release/releases/download/v0.1.10/${NAME}`,
        rows: 164,
      }],
      licence: LICENCE,
      items: 164,
    },
    {
      form: "prerelease",
      files: [{ name: "humanevalplus.prerelease.jsonl" }],
      licence: LICENCE,
      items: 164,
    },
  ],
  items: exactItems("humaneval_plus", { id: ({ task_id }) => task_id }),
  exact: true,
  needs: ["prompt", "task_id", "entry_point", "canonical_solution", "base_input", "plus_input"],
  prompt: humanevalPlusPrompt,
  decode: { gen_length: 4096 },
  metric: "pass",
  score: scoreHumanevalPlus,
  reported: { mini: 79.88, flash: 87.8 },
  examples: twiceExamples({
    task_id: "HumanEval/0",
    prompt: 'def twice(x):\n    """Twice x."""\n',
    entry_point: "twice",
    canonical_solution: "    return 2 * x\n",
    base_input: [[2]],
    plus_input: [[0], [-3]],
    atol: 0,
    contract: "",
  }),
});
