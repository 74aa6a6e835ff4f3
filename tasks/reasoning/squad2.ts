import { promptSquad2, scoreSquad2, squad2Docs } from "../../lib/eval/reasoning/squad2.ts";
import { task } from "../../lib/eval/task.ts";

const LICENCE = "CC BY-SA 4.0";
/** Articles in the file. */
const ARTICLES = 35;

/** Questions on Wikipedia passages, half without an answer (Rajpurkar et al., 2018): dev set, first line. */
export default task({
  name: "squad2",
  title: "SQuAD 2.0",
  group: "reasoning",
  summary: "span of a passage or a refusal, 0-shot",
  source: [
    {
      repo: "github:rajpurkar/SQuAD-explorer",
      revision: "eee5fdbf62f8613a7812b03419e6b29617b74fd1",
      files: [{
        name: "dev-v2.0.json",
        path: "dataset/dev-v2.0.json",
        at: "data",
        rows: ARTICLES,
        digest: "c6fa1a89a12c90b7fbfa8f6fb437cfff27af41ca",
      }],
      licence: LICENCE,
      items: 11873,
    },
    {
      form: "sample",
      files: [{ name: "fixture-dev-v2.0.json", at: "data", rows: ARTICLES }],
      licence: LICENCE,
      items: 11873,
    },
  ],
  async *items(data) {
    for await (const article of data.rows()) {
      for (const doc of squad2Docs(article)) yield { id: `squad2/${doc.id}`, doc };
    }
  },
  prompt: promptSquad2,
  decode: { gen_length: 64 },
  metric: "opencompass",
  score: scoreSquad2,
  parts: { answer: ({ is_impossible }) => is_impossible === true ? "no_answer" : "has_answer" },
  deviations: [
    "OpenCompass's rule takes an impossible question's plausible answers as right",
    "no opened assistant turn: a chat template closes its own",
  ],
  reported: { mini: 86.5, flash: 90, qwen: 89.51, ling: 81.32 },
  examples: [
    { answer: "The answer is Norway.", doc: doc(), score: 1 },
    { answer: "Sweden", doc: doc(), score: 0 },
    { answer: "Impossible to answer", doc: { ...doc(), is_impossible: true }, score: 1 },
    { answer: "", doc: doc(), score: 0 },
  ],
});

function doc() {
  return { context: "Norway won.", question: "Who won?", answers: [{ text: "Norway" }] };
}
