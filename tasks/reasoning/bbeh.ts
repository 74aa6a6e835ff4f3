import { adjustedHarmonic, promptBbeh, scoreBbeh } from "../../lib/eval/reasoning/bbeh.ts";
import { BBEH_TASKS } from "../../lib/eval/reasoning/bbh_tasks.ts";
import { partItems } from "../../lib/eval/items.ts";
import { task } from "../../lib/eval/task.ts";

const file = (name: string) => `benchmark_tasks/${name}/task.json`;

/** 23 harder successors of BBH's tasks (Kazemi et al., 2025): 0-shot, official match. */
export default task({
  name: "bbeh",
  title: "BIG-Bench Extra Hard",
  group: "reasoning",
  summary: "23 reasoning tasks, 0-shot",
  source: {
    repo: "github:google-deepmind/bbeh",
    revision: "80d12ca916b7158f22293fcf3144f4d3d854d4be",
    files: BBEH_TASKS.map((name) => ({
      name: file(name),
      path: `bbeh/${file(name)}`,
      at: "examples",
      rows: name === "bbeh_disambiguation_qa" ? 120 : 200,
    })),
    licence: "CC BY 4.0, never to be trained on",
    items: 4520,
  },
  items: partItems("bbeh", { parts: BBEH_TASKS, field: "task", file }),
  prompt: promptBbeh,
  decode: { gen_length: 8192 },
  metric: "correct",
  score: scoreBbeh,
  parts: { task: ({ task }) => String(task) },
  aggregate: { over: "task", mean: "macro" },
  summaries: { harmonic: { over: "task", mean: adjustedHarmonic } },
  deviations: ["arithmetic mean over tasks: the report's level excludes the official harmonic one"],
  reported: { mini: 16.47, flash: 27.86 },
  examples: [
    { answer: "The answer is: (B)", doc: { task: "bbeh_nycc", target: "(B)" }, score: 1 },
    { answer: "The answer is: 4. No: 5", doc: { target: "4" }, score: 0 },
    { answer: "", doc: { target: "4" }, score: 0 },
  ],
});
