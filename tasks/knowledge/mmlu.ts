import { letterOf, optionsOf } from "../../lib/eval/choice/row.ts";
import { promptMmlu, scoreMmlu } from "../../lib/eval/knowledge/mmlu.ts";
import { MMLU_SUBJECTS } from "../../lib/eval/knowledge/subjects.ts";
import type { Row } from "../../lib/data/source.ts";
import { partItems, rowItems } from "../../lib/eval/items.ts";
import { task } from "../../lib/eval/task.ts";

const NAME = "mmlu";
const COLUMNS = ["question", "A", "B", "C", "D", "answer"];
const LICENCE = "MIT";
const ARCHIVE = {
  path: "data.tar",
  url: "https://people.eecs.berkeley.edu/~hendrycks/data.tar",
};
const csv = (subject: string, split = "test") => `data/${split}/${subject}_${split}.csv`;

/** Choices in a list and a key by number, as the hub and Qwen's copy have them. */
function listed(row: Row) {
  const [A, B, C, D] = optionsOf(row);
  const { question, subject = row.type, answer } = row;
  return { subject, question, A, B, C, D, answer: letterOf(answer) };
}

const bySubject = partItems(NAME, {
  parts: MMLU_SUBJECTS,
  field: "subject",
  file: csv,
  shots: { file: (subject) => csv(subject, "dev"), count: 5 },
});

/** 57 subjects, four options (Hendrycks et al., 2021): 0-shot with reasoning, last line "ANSWER: X". */
export default task({
  name: NAME,
  title: "MMLU",
  group: "knowledge",
  summary: "lettered choice, with reasoning",
  source: [
    {
      form: "hub",
      repo: "cais/mmlu",
      files: [{ name: "all/test-00000-of-00001.parquet", rows: 14042 }],
      licence: LICENCE,
      items: 14042,
    },
    {
      form: "tar",
      files: MMLU_SUBJECTS.map((subject) => ({
        name: csv(subject),
        columns: COLUMNS,
        archive: ARCHIVE,
      })),
      licence: LICENCE,
      items: 14042,
    },
    {
      form: "stem",
      repo: "github:QwenLM/Qwen2.5-Math",
      revision: "a45202bd16f1ec06f433442dc1152d0074773465",
      files: [{
        name: "mmlu_stem.jsonl",
        path: "evaluation/data/mmlu_stem/test.jsonl",
        rows: 3018,
      }],
      licence: LICENCE,
      items: 3018,
    },
  ],
  items: (data) =>
    data.source.form === "tar" ? bySubject(data) : rowItems(NAME, { doc: listed })(data),
  prompt: promptMmlu,
  decode: { gen_length: 2048 },
  metric: "acc",
  score: scoreMmlu,
  parts: { subject: ({ subject }) => String(subject) },
  aggregate: { over: "subject", mean: "macro" },
  variants: {
    "5shot": {
      summary: "5 solved questions, a letter at once",
      source: {
        form: "tar",
        files: MMLU_SUBJECTS.flatMap((subject) =>
          ["test", "dev"].map((split) => ({
            name: csv(subject, split),
            columns: COLUMNS,
            archive: ARCHIVE,
          }))
        ),
        licence: LICENCE,
        items: 14042,
      },
      decode: { gen_length: 1024 },
      metric: "acc_first_option",
    },
  },
  reported: { mini: 80.53, flash: 87.69, qwen: 87.13, ling: 87.98 },
  examples: [
    { answer: "It is 4.\nANSWER: B", doc: { answer: "B" }, score: 1 },
    { answer: "answer: b", doc: { answer: "B" }, score: 0 },
    { answer: "**ANSWER: (B)**", doc: { answer: "B" }, score: 0 },
    { answer: "", doc: { answer: "B" }, score: 0 },
  ],
});
