import { KOR_CATEGORIES, promptKorbench } from "../../lib/eval/reasoning/korbench_prompts.ts";
import { scoreKorbench } from "../../lib/eval/reasoning/korbench.ts";
import { task } from "../../lib/eval/task.ts";

/** Reasoning by 125 invented rules in five categories (Ma et al., 2024): 0-shot, answer in [[ ]]. */
export default task({
  name: "korbench",
  title: "KOR-Bench",
  group: "reasoning",
  summary: "invented rules applied, 0-shot",
  source: {
    repo: "github:KOR-Bench/KOR-Bench",
    revision: "bb8194dff8e51e2e2247cf62aa9932c3d57d53d7",
    files: KOR_CATEGORIES.flatMap((category) => [
      { name: `${category}/sample.jsonl`, path: `data/${category}/sample.jsonl`, rows: 250 },
      { name: `${category}/rule.jsonl`, path: `data/${category}/rule.jsonl`, rows: 25 },
    ]),
    licence: "Apache-2.0",
    items: 1250,
  },
  async *items(data) {
    for (const category of KOR_CATEGORIES) {
      const rules = new Map<unknown, unknown>();
      for await (const { idx, rule_content } of data.rows(`${category}/rule.jsonl`)) {
        rules.set(idx, rule_content);
      }
      for await (const row of data.rows(`${category}/sample.jsonl`)) {
        const doc = { ...row, category, rule_content: rules.get(row.rule_id) };
        yield { id: `korbench/${category}/${row.idx}`, doc };
      }
    }
  },
  prompt: promptKorbench,
  decode: { gen_length: 4096 },
  metric: "is_correct",
  score: scoreKorbench,
  parts: { category: ({ category }) => String(category) },
  deviations: ["expressions are compared as such; the published table compares their texts"],
  reported: { mini: 50.4, flash: 64.24, qwen: 68, ling: 68.96 },
  examples: [
    { answer: "So it is [[24]].", doc: doc(), score: 1 },
    { answer: "[[x = 24]]", doc: doc(), score: 0 },
    { answer: "24", doc: doc(), score: 0 },
  ],
});

function doc() {
  return { category: "operation", idx: "1", rule_id: "1", question: "4※7?", answer: "[[24]]" };
}
