import { promptCmmlu, scoreCmmlu } from "../../lib/eval/knowledge/cmmlu.ts";
import { CMMLU_SUBJECTS } from "../../lib/eval/knowledge/subjects.ts";
import { partItems } from "../../lib/eval/items.ts";
import { task } from "../../lib/eval/task.ts";

const SUBJECTS = Object.keys(CMMLU_SUBJECTS);
const file = (subject: string) => `test/${subject}.csv`;
const dev = (subject: string) => `dev/${subject}.csv`;
const published = (name: string) => ({ name, path: `data/${name}` });
const SOURCE = {
  repo: "github:haonan-li/CMMLU",
  revision: "d6e7b716d8ac694f38969a6c0407437d1fded799",
  files: SUBJECTS.map((subject) => published(file(subject))),
  licence: "CC BY-NC-SA 4.0",
  items: 11582,
};

/** 67 subjects in Chinese, four options (Li et al., 2023): 0-shot with reasoning, last line "答案: X". */
export default task({
  name: "cmmlu",
  title: "CMMLU",
  group: "knowledge",
  summary: "lettered choice in Chinese, with reasoning",
  source: SOURCE,
  items: partItems("cmmlu", {
    parts: SUBJECTS,
    field: "subject",
    file,
    shots: { file: dev, count: 5 },
  }),
  prompt: promptCmmlu,
  decode: { gen_length: 2048 },
  metric: "acc",
  score: scoreCmmlu,
  parts: { subject: ({ subject }) => String(subject) },
  aggregate: { over: "subject", mean: "macro" },
  variants: {
    "5shot": {
      summary: "5 solved questions, a letter at once",
      source: {
        ...SOURCE,
        files: SUBJECTS.flatMap((subject) => [published(file(subject)), published(dev(subject))]),
      },
      decode: { gen_length: 1024 },
      metric: "acc_first_capital",
    },
  },
  reported: { mini: 79.5, flash: 85.13, qwen: 86.36, ling: 86.59 },
  examples: [
    { answer: "一步步思考……\n答案: B", doc: { Answer: "B" }, score: 1 },
    { answer: "答案：B", doc: { Answer: "B" }, score: 0 },
    { answer: "", doc: { Answer: "B" }, score: 0 },
  ],
});
