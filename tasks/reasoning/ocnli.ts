import { promptOcnli, scoreOcnli } from "../../lib/eval/choice/ocnli.ts";
import { rowItems } from "../../lib/eval/items.ts";
import { task } from "../../lib/eval/task.ts";

/** Entailment between Chinese sentences (Hu et al., 2020): dev set without its 50 unlabelled pairs. */
export default task({
  name: "ocnli",
  title: "OCNLI",
  group: "reasoning",
  summary: "lettered choice in Chinese, 0-shot",
  source: {
    repo: "github:CLUEbenchmark/OCNLI",
    revision: "b53efdee17257a5c33993cf6fcf8ffff0497ea0e",
    files: [{ name: "dev.json", path: "data/ocnli/dev.json", format: "jsonl", rows: 3000 }],
    licence: "CC BY-NC 2.0",
    items: 2950,
  },
  items: rowItems("ocnli", {
    doc: (row) => row.label === "-" ? undefined : row,
    id: ({ id }) => id,
  }),
  prompt: promptOcnli,
  decode: { gen_length: 32 },
  metric: "acc",
  score: scoreOcnli,
  parts: { genre: ({ genre }) => String(genre) },
  reported: { mini: 64.51, flash: 71.63 },
  examples: [
    { answer: "A. 蕴含", doc: { label: "entailment" }, score: 1 },
    { answer: "The answer is A", doc: { label: "entailment" }, score: 0 },
    { answer: "", doc: { label: "neutral" }, score: 0 },
  ],
});
