import { promptCeval, scoreCeval } from "../../lib/eval/knowledge/ceval.ts";
import { CEVAL_SUBJECTS } from "../../lib/eval/knowledge/subjects.ts";
import { partItems } from "../../lib/eval/items.ts";
import { type PartScore, task } from "../../lib/eval/task.ts";

const SUBJECTS = Object.keys(CEVAL_SUBJECTS);
const HARD = [
  "advanced_mathematics",
  "discrete_mathematics",
  "probability_and_statistics",
  "college_chemistry",
  "college_physics",
  "high_school_mathematics",
  "high_school_chemistry",
  "high_school_physics",
];
const file = (split: string) => (subject: string) => `${split}/${subject}_${split}.csv`;
const archive = { path: "ceval-exam.zip" };

/** 52 subjects in Chinese (Huang et al., 2023): validation split, 5 solved questions from dev, first capital. */
export default task({
  name: "ceval",
  title: "C-Eval",
  group: "knowledge",
  summary: "lettered choice in Chinese, 5-shot",
  source: {
    repo: "ceval/ceval-exam",
    files: SUBJECTS.flatMap((subject) =>
      ["val", "dev"].map((split) => ({ name: file(split)(subject), archive }))
    ),
    licence: "CC BY-NC-SA 4.0",
    items: 1346,
  },
  items: partItems("ceval", {
    parts: SUBJECTS,
    field: "subject",
    file: file("val"),
    shots: { file: file("dev"), count: 5 },
  }),
  prompt: promptCeval,
  decode: { gen_length: 1024 },
  metric: "acc",
  score: scoreCeval,
  parts: { subject: ({ subject }) => String(subject) },
  aggregate: { over: "subject", mean: "macro" },
  summaries: { hard: { over: "subject", mean: hard } },
  deviations: ["validation split: the test split's labels are not released"],
  variants: {
    "0shot": {
      summary: "with reasoning, 0-shot",
      items: partItems("ceval", { parts: SUBJECTS, field: "subject", file: file("val") }),
      decode: { gen_length: 2048 },
      metric: "acc_first_option",
    },
  },
  reported: { mini: 81.38, flash: 86.75, qwen: 88.17, ling: 88.03 },
  examples: [
    { answer: "B", doc: { answer: "B" }, score: 1 },
    { answer: "IP 在网络层，所以答案是B", doc: { answer: "B" }, score: 0 },
    { answer: "", doc: { answer: "B" }, score: 0 },
  ],
});

/** C-Eval Hard: eight subjects of mathematics, physics and chemistry; none where one is missing. */
function hard(parts: ReadonlyMap<string, PartScore>): number {
  return HARD.reduce((sum, subject) => sum + (parts.get(subject)?.score ?? NaN), 0) / HARD.length;
}
