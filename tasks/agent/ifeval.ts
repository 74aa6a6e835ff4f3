import { scoreIfeval } from "../../lib/eval/ifeval/score.ts";
import { rowItems } from "../../lib/eval/items.ts";
import { task } from "../../lib/eval/task.ts";

const NAME = "input_data.jsonl";
const LICENCE = "Apache-2.0";
const ITEMS = 541;

/** Instructions that a program can check (Zhou et al., 2023): all of a prompt's, followed to the letter. */
export default task({
  name: "ifeval",
  title: "IFEval-strict-prompt",
  group: "agent",
  summary: "checkable instructions, all of a prompt's",
  source: [
    {
      repo: "google/IFEval",
      files: [{ name: NAME, path: "ifeval_input_data.jsonl", rows: ITEMS }],
      licence: LICENCE,
      items: ITEMS,
    },
    {
      form: "github",
      repo: "github:google-research/google-research",
      revision: "19638399cc9e03623c5b9087a1d6fa8813974ce9",
      files: [{ name: NAME, path: `instruction_following_eval/data/${NAME}`, rows: ITEMS }],
      licence: LICENCE,
      items: ITEMS,
    },
  ],
  items: rowItems("ifeval", { id: ({ key }) => key }),
  needs: ["instruction_id_list", "kwargs"],
  prompt: ({ prompt }) => [{ role: "user", content: String(prompt) }],
  decode: { gen_length: 2048 },
  metric: "strict",
  score: scoreIfeval,
  deviations: ["languages are detected with seed 0: the official detector is not seeded"],
  reported: { mini: 80.78, flash: 81.70, qwen: 84.29, ling: 81.52 },
  examples: [
    { answer: "<<Ode>>\nNo commas here.", doc: doc(), score: 1 },
    { answer: "<<Ode>>\nOne, two.", doc: doc(), score: 0 },
    { answer: "Sure, here it is:\n<<Ode>>", doc: doc(), score: 0 },
    { answer: " \n", doc: doc(), score: 0 },
  ],
});

function doc() {
  const instruction_id_list = ["punctuation:no_comma", "detectable_format:title"];
  return { instruction_id_list, kwargs: [{}, { num_words: null }] };
}
