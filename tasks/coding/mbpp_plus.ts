import { mbppPlusPrompt, scoreMbppPlus } from "../../lib/eval/coding/evalplus.ts";
import { exactItems } from "../../lib/eval/items.ts";
import { task } from "../../lib/eval/task.ts";
import { twiceExamples } from "./twice_examples.ts";

const LICENCE = "Apache-2.0 (data derived from MBPP, CC BY 4.0)";
const NAME = "MbppPlus.jsonl.gz";

/** MBPP with many more inputs (Liu et al., 2023), version 0.2.0: outputs equal the reference's on all. */
export default task({
  name: "mbpp_plus",
  title: "MBPP+",
  group: "coding",
  summary: "Python function run on many inputs",
  source: [
    {
      files: [{
        name: NAME,
        url: `https://github.com/evalplus/mbppplus_release/releases/download/v0.2.0/${NAME}`,
        rows: 378,
      }],
      licence: LICENCE,
      items: 378,
    },
    {
      form: "0.1.0",
      files: [{ name: "MbppPlus.v0.1.0.jsonl" }],
      licence: LICENCE,
      items: 399,
    },
  ],
  items: exactItems("mbpp_plus", { id: ({ task_id }) => task_id }),
  exact: true,
  needs: ["task_id", "entry_point", "canonical_solution", "base_input", "plus_input"],
  prompt: mbppPlusPrompt,
  decode: { gen_length: 4096 },
  metric: "pass",
  score: scoreMbppPlus,
  reported: { mini: 74.07, flash: 79.63 },
  examples: twiceExamples({
    task_id: "Mbpp/0",
    prompt: '"""\nWrite a function to double a number.\nassert twice(2) == 4\n"""\n',
    entry_point: "twice",
    canonical_solution: "def twice(x):\n    return 2 * x\n",
    base_input: [[2]],
    plus_input: [[0], [-3]],
    atol: 0,
    contract: "",
    assertion: "assert twice(2) == 4",
  }),
});
