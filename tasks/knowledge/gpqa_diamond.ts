import {
  promptGpqaDiamond,
  rotateGpqa,
  scoreGpqaDiamond,
} from "../../lib/eval/knowledge/gpqa_diamond.ts";
import type { Row } from "../../lib/data/source.ts";
import { letterOf } from "../../lib/eval/choice/row.ts";
import { type Item, task } from "../../lib/eval/task.ts";

const SOURCE = {
  repo: "github:idavidrein/gpqa",
  files: [{
    name: "gpqa_diamond.csv",
    path: "dataset/gpqa_diamond.csv",
    rows: 198,
    // The password is published in the repository's README, against careless crawling.
    archive: { path: "dataset.zip", password: "deserted-untie-orchid" },
  }],
  licence: "CC BY 4.0, never to be published in plain text",
  items: 198,
};

/** A row with its options in the order of a rotation. */
function rotated(found: Row, { row, rotation = 0 }: { row: number; rotation?: number }): Item {
  const shown = rotateGpqa(found, { row, rotation });
  const options = shown.map((text, i) => [`option_${letterOf(i)}`, text]);
  const answer = letterOf(shown.indexOf(String(found["Correct Answer"])));
  const { Question } = found;
  const doc = { Question, row_number: row, ...Object.fromEntries(options), answer };
  return { id: `gpqa_diamond/${found["Record ID"] ?? row}`, doc };
}

/** 198 questions for doctors of physics, chemistry and biology (Rein et al., 2023), options rotated by row. */
export default task({
  name: "gpqa_diamond",
  title: "GPQA-Diamond",
  group: "knowledge",
  summary: "lettered choice, with reasoning",
  source: SOURCE,
  async *items(data) {
    let row = 0;
    for await (const found of data.rows()) yield rotated(found, { row: ++row });
  },
  prompt: promptGpqaDiamond,
  decode: { gen_length: 2048 },
  metric: "acc",
  score: scoreGpqaDiamond,
  variants: {
    rotations: {
      summary: "the mean of all four rotations of each question's options",
      source: { ...SOURCE, items: 4 * SOURCE.items },
      async *items(data) {
        let row = 0;
        for await (const found of data.rows()) {
          row++;
          for (let rotation = 0; rotation < 4; rotation++) {
            const item = rotated(found, { row, rotation });
            yield { ...item, id: `${item.id}#${rotation + 1}` };
          }
        }
      },
    },
  },
  reported: { mini: 47.98, flash: 61.98, qwen: 57.34, ling: 67.12 },
  examples: [
    { answer: "ANSWER: D", doc: { answer: "D" }, score: 1 },
    { answer: "The correct answer is (D)", doc: { answer: "D" }, score: 0 },
    { answer: "", doc: { answer: "D" }, score: 0 },
  ],
  confidential: true,
});
