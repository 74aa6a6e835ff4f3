import { BBH_TASKS, bbhExamples } from "../../lib/eval/reasoning/bbh_tasks.ts";
import { promptBbhZh, scoreBbhZh } from "../../lib/eval/reasoning/bbh_zh.ts";
import { partItems, rowItems } from "../../lib/eval/items.ts";
import { task } from "../../lib/eval/task.ts";

const NAME = "bbh_zh";
const LICENCE = "unknown: the data is not public";
const file = (name: string) => `${name}.json`;

/** BBH in Chinese. No data of this name is public: a translation in BBH's layout can be given. */
export default task({
  name: NAME,
  title: "bbh-zh",
  group: "reasoning",
  summary: "reasoning tasks in Chinese, 0-shot",
  source: [
    {
      files: BBH_TASKS.map((name) => ({
        name: file(name),
        at: "examples",
        rows: bbhExamples(name),
      })),
      licence: LICENCE,
      items: 6511,
      home: "no public copy is known: put a translation in BBH's layout (<task>.json) there",
    },
    {
      form: "sample",
      files: [{ name: "fixture.json", at: "examples", rows: 6511 }],
      licence: LICENCE,
      items: 6511,
    },
  ],
  items: (data) =>
    data.source.form === "sample"
      ? rowItems(NAME)(data)
      : partItems(NAME, { parts: BBH_TASKS, field: "task", file })(data),
  prompt: promptBbhZh,
  decode: { gen_length: 2048 },
  metric: "correct",
  score: scoreBbhZh,
  parts: { task: ({ task }) => String(task) },
  aggregate: { over: "task", mean: "macro" },
  deviations: ["prompt and rule are this project's: neither they nor the data were published"],
  reported: { mini: 75.75, flash: 87.52 },
  examples: [
    { answer: "逐步思考……答案是（B）。", doc: { target: "(B)" }, score: 1 },
    { answer: "答案是对", doc: { target: "否" }, score: 0 },
    { answer: "答案：苹果、梨", doc: { target: "苹果 梨" }, score: 1 },
    { answer: "", doc: { target: "3" }, score: 0 },
  ],
});
