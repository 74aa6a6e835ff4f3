import { livecodebenchPrompt, scoreLivecodebench } from "../../lib/eval/coding/livecodebench.ts";
import { rowItems } from "../../lib/eval/items.ts";
import { Refusal } from "../../lib/refusal.ts";
import { type Doc, task } from "../../lib/eval/task.ts";

const LICENCE = "MIT (code); statements belong to LeetCode, AtCoder and Codeforces";
/** The window that the report's 454 problems most likely are. */
const FROM = "2024-08-01";
const TO = "2025-05-01";
const FILES = ["test.jsonl", ...[2, 3, 4, 5, 6].map((n) => `test${n}.jsonl`)];

/** Contest problems by date (Jain et al., 2024): all tests, hidden ones too. */
export default task({
  name: "livecodebench",
  title: "LiveCodeBench",
  group: "coding",
  summary: "contest programs run against hidden tests",
  source: [
    {
      repo: "livecodebench/code_generation_lite",
      files: FILES.map((name) => ({ name })),
      licence: LICENCE,
      items: 454,
    },
    {
      form: "jsonl",
      files: [{ name: "code_generation_lite.jsonl" }],
      licence: LICENCE,
      items: 1055,
    },
  ],
  items: (data) => {
    const inside = (row: Doc) => {
      const date = String(row.contest_date);
      return data.sample || (date >= FROM && date < TO) ? tested(row) : undefined;
    };
    return rowItems("livecodebench", { doc: inside, id: ({ question_id }) => question_id })(data);
  },
  prompt: livecodebenchPrompt,
  decode: { gen_length: 8192 },
  metric: "pass",
  score: scoreLivecodebench,
  parts: { difficulty: ({ difficulty }) => String(difficulty) },
  deviations: [
    `problems from ${FROM} to ${TO}: the report names no dates`,
    "stdin is read as from a file: the official stand-in fails loops over it, and lines of its buffer",
  ],
  reported: { mini: 31.5, flash: 42.29, qwen: 41.63, ling: 44.11 },
  examples: [
    { answer: "```python\nprint(2 * int(input()))\n```", doc: doc(), score: 1 },
    { answer: "```python\nprint(input())\n```", doc: doc(), score: 0 },
    { answer: "", doc: doc(), score: 0 },
  ],
});

function tested(row: Doc): Doc {
  if (typeof row.private_test_cases === "string") return row;
  throw new Refusal(
    `Cannot load "livecodebench": problem "${row.question_id}" has no "private_test_cases", expected its hidden tests`,
  );
}

function doc() {
  return {
    question_content: "Read a number, print twice the number.",
    starter_code: "",
    public_test_cases: '[{"input":"2\\n","output":"4\\n","testtype":"stdin"}]',
    private_test_cases: '[{"input":"5\\n","output":"10\\n","testtype":"stdin"}]',
    metadata: "{}",
  };
}
