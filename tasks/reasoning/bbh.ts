import { BBH_TASKS, bbhExamples } from "../../lib/eval/reasoning/bbh_tasks.ts";
import { cotPrompt, promptBbh, scoreBbh } from "../../lib/eval/reasoning/bbh.ts";
import { task } from "../../lib/eval/task.ts";

const file = (name: string) => `bbh/${name}.json`;
const solved = (name: string) => `cot-prompts/${name}.txt`;

/** 27 tasks that were hard for language models (Suzgun et al., 2022): three solved examples with reasoning. */
export default task({
  name: "bbh",
  title: "BIG-Bench Hard",
  group: "reasoning",
  summary: "27 reasoning tasks, 3-shot with reasoning",
  source: {
    repo: "github:suzgunmirac/BIG-Bench-Hard",
    revision: "9ee07bd481feebf959a6b59d61ea57bdcf30964d",
    files: BBH_TASKS.flatMap((name) => [
      { name: file(name), at: "examples", rows: bbhExamples(name) },
      { name: solved(name) },
    ]),
    licence: "MIT, never to be trained on",
    items: 6511,
  },
  async *items(data) {
    for (const name of BBH_TASKS) {
      const text = await data.file(solved(name))?.text();
      const shots = text === undefined ? [] : [{ cot_prompt: cotPrompt(text) }];
      let index = 0;
      for await (const row of data.rows(file(name))) {
        yield { id: `bbh/${name}/${index++}`, doc: { task: name, ...row }, shots };
      }
    }
  },
  prompt: promptBbh,
  decode: { gen_length: 2048 },
  metric: "opencompass",
  score: scoreBbh,
  parts: { task: ({ task }) => String(task) },
  aggregate: { over: "task", mean: "macro" },
  reported: { mini: 78.21, flash: 86.75 },
  examples: [
    { answer: "So the answer is (B).", doc: { task: "snarks", target: "(B)" }, score: 1 },
    { answer: "(A), no, the answer is (C).", doc: { task: "snarks", target: "(A)" }, score: 0 },
    { answer: "The answer is no.", doc: { task: "navigate", target: "No" }, score: 1 },
    { answer: "", doc: { task: "navigate", target: "No" }, score: 0 },
  ],
});
