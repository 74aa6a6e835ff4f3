import { promptHellaswag, scoreHellaswag } from "../../lib/eval/choice/hellaswag.ts";
import { rowItems } from "../../lib/eval/items.ts";
import { task } from "../../lib/eval/task.ts";

const LICENCE = "MIT";
const ROWS = 10042;

/** Which of four endings makes sense (Zellers et al., 2019): validation set, 0-shot, first option named. */
export default task({
  name: "hellaswag",
  title: "HellaSwag",
  group: "reasoning",
  summary: "lettered choice of an ending, 0-shot",
  source: [
    {
      repo: "github:rowanz/hellaswag",
      revision: "a29ff8e9a04bba4bd6588223785ce105328adc57",
      files: [{
        name: "hellaswag_val.jsonl",
        path: "data/hellaswag_val.jsonl",
        rows: ROWS,
        digest: "0f5ee25d72216f12317d5d8a7b92deafa423d81e",
      }],
      licence: LICENCE,
      items: ROWS,
    },
    {
      form: "sample",
      files: [{ name: "fixture-val.jsonl", rows: ROWS }],
      licence: LICENCE,
      items: ROWS,
    },
  ],
  items: rowItems("hellaswag"),
  prompt: promptHellaswag,
  decode: { gen_length: 32 },
  metric: "acc",
  score: scoreHellaswag,
  parts: { source: ({ source_id }) => String(source_id).split("~")[0] },
  deviations: [
    "a letter is generated: the usual log-likelihoods of the endings are for base models",
  ],
  reported: { mini: 79.01, flash: 84.97, qwen: 86.31, ling: 81.59 },
  examples: [
    { answer: "C", doc: { label: 2 }, score: 1 },
    { answer: "The answer is A.", doc: { label: 2 }, score: 0 },
    { answer: "", doc: { label: 2 }, score: 0 },
  ],
});
