import { dropDocs, dropKind, promptDrop, scoreDrop } from "../../lib/eval/reasoning/drop.ts";
import type { SourceFile } from "../../lib/data/source.ts";
import { task } from "../../lib/eval/task.ts";

const LICENCE = "CC BY-SA 4.0";
/** Passages in the file. */
const PASSAGES = 582;
const passages = (name: string): SourceFile => ({ name, at: "", rows: PASSAGES });

/** Counting, comparing and picking out of passages (Dua et al., 2019): dev set, three examples, with reasoning. */
export default task({
  name: "drop",
  title: "DROP",
  group: "reasoning",
  summary: "numbers, spans and dates of a passage, with reasoning",
  source: [
    {
      files: [{
        ...passages("drop_dataset_dev.json"),
        path: "drop_dataset/drop_dataset_dev.json",
        archive: {
          path: "drop_dataset.zip",
          url: "https://ai2-public-datasets.s3.amazonaws.com/drop/drop_dataset.zip",
        },
      }],
      licence: LICENCE,
      items: 9536,
    },
    { form: "lines", files: [{ name: "dev.jsonl", rows: 9536 }], licence: LICENCE, items: 9536 },
    {
      form: "sample",
      files: [passages("official-fixture-drop.json"), passages("fixture-validated.json")],
      licence: LICENCE,
      items: 9536,
    },
  ],
  async *items(data) {
    let index = 0;
    for await (const row of data.rows()) {
      for (const doc of dropDocs(row)) yield { id: `drop/${doc.query_id ?? index}`, doc };
      index++;
    }
  },
  prompt: promptDrop,
  decode: { gen_length: 2048 },
  metric: "fuzzy",
  score: scoreDrop,
  parts: { kind: dropKind },
  reported: { mini: 81.91, flash: 87.9, qwen: 87.57, ling: 88.32 },
  examples: [
    { answer: "21 - 7 = 14\nAnswer: 14", doc: { ref_text: "14" }, score: 1 },
    { answer: "Answer: 7", doc: { ref_text: "14|21" }, score: 0 },
    { answer: "", doc: { ref_text: "14" }, score: 0 },
  ],
});
