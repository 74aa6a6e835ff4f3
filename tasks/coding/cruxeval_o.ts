import { cruxevalPrompt, scoreCruxeval } from "../../lib/eval/coding/cruxeval.ts";
import { rowItems } from "../../lib/eval/items.ts";
import { task } from "../../lib/eval/task.ts";

/** What short Python functions give (Gu et al., 2024): the output, after a chain of thought. */
export default task({
  name: "cruxeval_o",
  title: "CRUXEval-O",
  group: "coding",
  summary: "output of a Python function",
  source: {
    repo: "github:facebookresearch/cruxeval",
    revision: "190faf16d175b5847b0af05d937872b1fb395942",
    files: [{ name: "cruxeval.jsonl", path: "data/cruxeval.jsonl", rows: 800 }],
    licence: "MIT",
    items: 800,
  },
  items: rowItems("cruxeval_o", { id: ({ id }) => id }),
  needs: ["code", "output"],
  prompt: cruxevalPrompt,
  decode: { gen_length: 4096 },
  metric: "pass",
  score: scoreCruxeval,
  reported: { mini: 71.62, flash: 85.12, qwen: 86.75, ling: 82.75 },
  examples: [
    { answer: "[ANSWER]assert f(2) == 4[/ANSWER]", doc: doc(), score: 1 },
    { answer: "[THOUGHT]Double.[/THOUGHT]\n[ANSWER]2 + 2[/ANSWER]", doc: doc(), score: 1 },
    { answer: "[ANSWER]5[/ANSWER]", doc: doc(), score: 0 },
    { answer: "[ANSWER]f(2)[/ANSWER]", doc: doc(), score: 0 },
    { answer: "", doc: doc(), score: 0 },
  ],
});

function doc() {
  return { code: "def f(x):\n    return 2 * x", input: "2", output: "4", id: "sample_0" };
}
