import { musrDocs, promptMusr, scoreMusr } from "../../lib/eval/reasoning/musr.ts";
import { task } from "../../lib/eval/task.ts";

/** Stories by domain; a story of object placements has four questions. */
const DOMAINS = { murder_mystery: 250, object_placements: 64, team_allocation: 250 };
const file = (domain: string) => `${domain}.json`;

/** Reasoning over long stories in three domains (Sprague et al., 2024): "cot+" prompt, 0-shot. */
export default task({
  name: "musr",
  title: "MuSR",
  group: "reasoning",
  summary: "numbered choice after a story, with reasoning",
  source: {
    repo: "github:Zayne-sprague/MuSR",
    revision: "b1f4d4168a9cfc6760e8b74d728e4516023dfaa5",
    files: Object.entries(DOMAINS).map(([domain, rows]) => ({
      name: file(domain),
      path: `datasets/${file(domain)}`,
      rows,
    })),
    licence: "MIT",
    items: 756,
  },
  async *items(data) {
    for (const subset of Object.keys(DOMAINS)) {
      let index = 0;
      for await (const story of data.rows(file(subset))) {
        for (const doc of musrDocs(subset, story)) yield { id: `musr/${subset}/${index++}`, doc };
      }
    }
  },
  prompt: promptMusr,
  decode: { gen_length: 2048 },
  metric: "opencompass",
  score: scoreMusr,
  parts: { subset: ({ subset }) => String(subset) },
  aggregate: { over: "subset", mean: "macro" },
  reported: { mini: 71.48, flash: 80.48 },
  examples: [
    { answer: "Ana had the motive.\n**ANSWER: 2**", doc: doc(), score: 1 },
    { answer: "ANSWER: 1\nANSWER: 2", doc: doc(), score: 0 },
    { answer: "Answer: 2", doc: doc(), score: 0 },
    { answer: "", doc: doc(), score: 0 },
  ],
});

function doc() {
  return { subset: "murder_mystery", choices: ["Mackenzie", "Ana"], answer: 1 };
}
