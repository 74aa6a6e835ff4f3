import { promptMmluPro, scoreMmluPro } from "../../lib/eval/knowledge/mmlu_pro.ts";
import type { OpenedSource } from "../../lib/data/source.ts";
import { rowItems } from "../../lib/eval/items.ts";
import { type Item, task } from "../../lib/eval/task.ts";

const LICENCE = "Apache-2.0";
const TEST = "data/test-00000-of-00001.parquet";
const SOLVED = "data/validation-00000-of-00001.parquet";

/** Questions with the solved ones of their category. */
async function* withSolved(data: OpenedSource): AsyncGenerator<Item> {
  const solved = await Array.fromAsync(data.rows(SOLVED));
  const shots = Map.groupBy(solved, ({ category }) => category);
  for await (const doc of data.rows(TEST)) {
    yield { id: `mmlu_pro/${doc.question_id}`, doc, shots: shots.get(doc.category) ?? [] };
  }
}

/** 14 categories, up to ten options (Wang et al., 2024): 0-shot with reasoning, last line "ANSWER: X". */
export default task({
  name: "mmlu_pro",
  title: "MMLU-Pro",
  group: "knowledge",
  summary: "lettered choice among ten, with reasoning",
  source: [
    {
      repo: "TIGER-Lab/MMLU-Pro",
      files: [{ name: TEST, rows: 12032 }],
      licence: LICENCE,
      items: 12032,
    },
    { form: "jsonl", files: [{ name: "test.jsonl", rows: 12032 }], licence: LICENCE, items: 12032 },
  ],
  items: rowItems("mmlu_pro", { id: ({ question_id }) => question_id }),
  prompt: promptMmluPro,
  decode: { gen_length: 2048 },
  metric: "acc",
  score: scoreMmluPro,
  parts: { category: ({ category }) => String(category) },
  aggregate: { over: "category", mean: "macro" },
  variants: {
    "5shot": {
      summary: "the authors' 5 solved questions with reasoning, and their rule",
      source: {
        repo: "TIGER-Lab/MMLU-Pro",
        files: [{ name: TEST, rows: 12032 }, { name: SOLVED, rows: 70 }],
        licence: LICENCE,
        items: 12032,
      },
      items: withSolved,
      metric: "acc_official",
      // The authors' runner stops there.
      score: (text, doc) => scoreMmluPro(text.split("Question:", 1)[0], doc),
      examples: [
        {
          answer: "So the answer is (J).\n\nQuestion:\nThe answer is (A).",
          doc: { answer: "J" },
          score: 1,
        },
        { answer: "Who knows.\n\nQuestion:\nThe answer is (J).", doc: { answer: "J" }, score: 0 },
        { answer: "", doc: { answer: "A" }, score: 0 },
      ],
    },
  },
  reported: { mini: 63.22, flash: 73.36, qwen: 74.23, ling: 76.84 },
  examples: [
    { answer: "So the last.\nANSWER: J", doc: { answer: "J" }, score: 1 },
    { answer: "The answer is (J).", doc: { answer: "J" }, score: 0 },
    { answer: "", doc: { answer: "A" }, score: 0 },
  ],
});
