import type { LongContext } from "../../lib/eval/bfcl/apis/api.ts";
import { answerFile, bfclItems, functionFile, questionFile } from "../../lib/eval/bfcl/items.ts";
import { readLongContext } from "../../lib/eval/bfcl/long_context.ts";
import { replayDialogue, scoreBfclOutputs } from "../../lib/eval/bfcl/multi_turn.ts";
import { CATEGORY_ITEMS, overallScores } from "../../lib/eval/bfcl/overall.ts";
import { bfclPrompt, FUNCTION_FILES } from "../../lib/eval/bfcl/prompt.ts";
import { categoryOf } from "../../lib/eval/bfcl/score.ts";
import { type Mean, type Score, task } from "../../lib/eval/task.ts";
import type { Message } from "../../lib/records/record.ts";

const LEADERBOARD = "berkeley-function-call-leaderboard/bfcl_eval";
const LONG_CONTEXT = "long_context.py";
/** The live categories first: the report's figure is theirs. */
const CATEGORIES = Object.keys(CATEGORY_ITEMS).sort((a, b) =>
  Number(b.startsWith("live")) - Number(a.startsWith("live"))
);
const NAMES = [
  ...CATEGORIES.flatMap((name) => [questionFile(name), answerFile(name) ?? []].flat()),
  ...Array.from(FUNCTION_FILES.values(), functionFile),
];

/** Texts of the long-context items, once their file was read. */
const texts: { long?: LongContext } = {};

const over = "category";
const mean = (name: keyof ReturnType<typeof overallScores>): Mean => (parts) =>
  overallScores(parts)[name];

/** Function calls in words (Patil et al., 2025), last evaluator of version 3; headline: live categories. */
export default task({
  name: "bfcl_v3",
  title: "BFCL v3",
  group: "agent",
  summary: "function calls, one or many, in one turn or several",
  source: {
    repo: "github:ShishirPatil/gorilla",
    revision: "cd9429ccf3d4",
    files: [
      ...NAMES.map((name) => ({ name, path: `${LEADERBOARD}/data/${name}` })),
      {
        name: LONG_CONTEXT,
        path: `${LEADERBOARD}/eval_checker/multi_turn_eval/func_source_code/${LONG_CONTEXT}`,
      },
    ],
    licence: "Apache-2.0",
    items: 4441,
  },
  async *items(data) {
    const file = data.file(LONG_CONTEXT);
    texts.long = file && readLongContext(await file.text());
    for await (const item of bfclItems(data, CATEGORIES)) {
      const short = categoryOf(item.doc) === "multi_turn_long_context" && !texts.long;
      yield short ? { ...item, doc: { ...item.doc, missing: LONG_CONTEXT } } : item;
    }
  },
  exact: true,
  needs: ["function"],
  prompt: (doc) => bfclPrompt(doc) as Message[],
  next: (doc, outputs) =>
    Promise.resolve(
      categoryOf(doc).startsWith("multi_turn") && doc.missing === undefined
        ? replayDialogue(doc, outputs, { longContext: texts.long }).next
        : undefined,
    ),
  decode: { gen_length: 512 },
  metric: "valid",
  score(_text, doc, _tools, outputs): Score {
    const missing = doc.missing ?? (doc.ground_truth ? undefined : answerFile(categoryOf(doc)));
    if (missing !== undefined) return { metrics: {}, not_run: `${missing} is not in the data` };
    return scoreBfclOutputs(outputs, doc, { longContext: texts.long });
  },
  parts: { category: (doc) => categoryOf(doc) },
  aggregate: { over, mean: mean("live") },
  summaries: {
    non_live: { over, mean: mean("non_live") },
    multi_turn: { over, mean: mean("multi_turn") },
    overall: { over, mean: mean("overall") },
  },
  deviations: ["live categories: the report's figure plots the same numbers as BFCL_Live"],
  reported: { mini: 70.9, flash: 75.43, qwen: 73.19, ling: 67.57 },
  examples: [
    { answer: "[area(base=10, height=5)]", doc: doc(), score: 1 },
    { answer: "```\narea(height=5, base=10)\n```", doc: doc(), score: 1 },
    { answer: "[area(base=10)]", doc: doc(), score: 0 },
    { answer: "The area is 25.", doc: doc(), score: 0 },
    { answer: "", doc: doc(), score: 0 },
  ],
});

function doc() {
  const number = { type: "integer", description: "in units" };
  return {
    category: "simple",
    id: "simple_0",
    question: [[{ role: "user", content: "The area of a triangle of base 10 and height 5?" }]],
    function: [{
      name: "area",
      description: "Area of a triangle.",
      parameters: {
        type: "dict",
        properties: { base: number, height: number },
        required: ["base", "height"],
      },
    }],
    ground_truth: [{ area: { base: [10], height: [5] } }],
  };
}
