import {
  isBlanked,
  promptZebralogic,
  scoreZebralogic,
  zebraClass,
} from "../../lib/eval/reasoning/zebralogic.ts";
import { rowItems } from "../../lib/eval/items.ts";
import { Refusal } from "../../lib/refusal.ts";
import { type Doc, task } from "../../lib/eval/task.ts";

const LICENCE = "see its card";
const ITEMS = 1000;
const REPO = "WildEval/ZebraLogic";

/** Logic grid puzzles of 25 sizes (Lin et al., 2025): one solved example, the whole grid as JSON. */
export default task({
  name: "zebralogic",
  title: "ZebraLogic",
  group: "reasoning",
  summary: "logic grid puzzles, 1-shot, JSON answer",
  source: [
    {
      // The authors' other copy, allenai/ZebraLogicBench, has its solutions blanked.
      repo: REPO,
      files: [{ name: "grid_mode/test-00000-of-00001.parquet", rows: ITEMS }],
      licence: LICENCE,
      items: ITEMS,
    },
    {
      form: "jsonl",
      files: [{ name: "grid_mode.jsonl", rows: ITEMS }],
      licence: LICENCE,
      items: ITEMS,
    },
  ],
  items: rowItems("zebralogic", { doc: withSolution, id: ({ id }) => id }),
  prompt: promptZebralogic,
  decode: { gen_length: 8192 },
  metric: "solved",
  score: scoreZebralogic,
  parts: { class: zebraClass, size: ({ size }) => String(size) },
  deviations: ["a cell that is a number counts as wrong: the official script stops there"],
  reported: { mini: 64.2, flash: 82.3 },
  examples: [
    { answer: '{"solution": {"House 1": {"Name": "eric "}}}', doc: doc(), score: 1 },
    { answer: '{"solution": {"House 1": {"Name": "Arnold"}}}', doc: doc(), score: 0 },
    {
      answer: '{"reasoning": "}", "solution": {"House 1": {"Name": "Eric"}}}',
      doc: doc(),
      score: 0,
    },
    { answer: "", doc: doc(), score: 0 },
  ],
});

function withSolution(row: Doc): Doc {
  if (!isBlanked(row)) return row;
  throw new Refusal(
    `Cannot load "zebralogic": the solution of "${row.id}" is blanked, expected the rows of ${REPO}`,
  );
}

function doc() {
  return { size: "1*1", solution: { header: ["House", "Name"], rows: [["1", "Eric"]] } };
}
