import { promptProntoqa, prontoqaDoc, scoreProntoqa } from "../../lib/eval/reasoning/prontoqa.ts";
import { rowItems } from "../../lib/eval/items.ts";
import { task } from "../../lib/eval/task.ts";

/** Files of the authors' generator. */
const GENERATED = ["1hop_4shot", "3hop_4shot", "3hop_4shot_falseontology", "5hop_4shot"];

/** Deduction in invented ontologies (Saparov and He, 2023): Logic-LM's 500 items of five steps, 2-shot. */
export default task({
  name: "prontoqa",
  title: "PrOntoQA",
  group: "reasoning",
  summary: "true or false by deduction, 2-shot with reasoning",
  source: [
    {
      repo: "github:teacherpeterpan/Logic-LLM",
      revision: "d29f1e5e7203e8826cb9c41ba3003e43dc0b9d34",
      files: [{
        name: "dev.json",
        path: "data/ProntoQA/dev.json",
        rows: 500,
        digest: "850c707b7ed4304a7f4cb8b4ae2f33bbe9266fbd",
      }],
      licence: "MIT",
      items: 500,
    },
    {
      form: "generated",
      files: GENERATED.map((name) => ({ name: `generated/${name}.json`, at: "" })),
      licence: "Apache-2.0",
      items: 500,
    },
  ],
  items: (data) => {
    let number = 0;
    const id = (doc: { id?: unknown }) =>
      data.source.form === "generated" ? `${doc.id}/${number++}` : doc.id;
    return rowItems("prontoqa", { doc: prontoqaDoc, id })(data);
  },
  prompt: promptProntoqa,
  decode: { gen_length: 2048 },
  metric: "chat",
  score: scoreProntoqa,
  deviations: [
    "all 500 items: the report's scores fit 200 that it does not name (--limit 200 takes the first)",
    "a rule for chat answers of this project: the published ones need their own wording",
  ],
  reported: { mini: 86, flash: 96.5 },
  examples: [
    { answer: "Max is not sour.\n\nThe correct option is: **B**", doc: { answer: "B" }, score: 1 },
    { answer: "So the statement is true.", doc: { answer: "B" }, score: 0 },
    { answer: "Both are possible.", doc: { answer: "B" }, score: 0 },
    { answer: "", doc: { answer: "A" }, score: 0 },
  ],
});
