import { rowItems } from "../../lib/eval/items.ts";
import { scorePhyBench } from "../../lib/eval/math/phybench.ts";
import { promptPhybench } from "../../lib/eval/math/prompts.ts";
import { task } from "../../lib/eval/task.ts";

/** Physics problems with answers to be derived (Qiu et al., 2025): expression edit distance, 0 to 100. */
export default task({
  name: "phybench",
  title: "PHYBench",
  group: "knowledge",
  summary: "boxed expression, edit distance",
  source: {
    repo: "Eureka-Lab/PHYBench",
    files: [{ name: "PHYBench-fullques_v1.json", rows: 100 }],
    licence: "MIT",
    items: 100,
  },
  items: rowItems("phybench", { id: ({ id }) => id }),
  needs: ["answer"],
  prompt: promptPhybench,
  decode: { gen_length: 16384 },
  metric: "eed",
  scale: 100,
  score: scorePhyBench,
  parts: { tag: ({ tag }) => String(tag) },
  reported: { mini: 11.7, flash: 30.06 },
  examples: [
    { answer: "\\boxed{2 m g + 4\\frac{mv_0^2}{l}}", doc: doc(), score: 100 },
    { answer: "\\boxed{4\\frac{mv_0^2}{l} + 2mg}", doc: doc(), score: 100 },
    { answer: "\\boxed{\\int_0^1 x}", doc: doc(), score: 0 },
    { answer: "", doc: doc(), score: 0 },
  ],
});

function doc() {
  return { answer: "2 m g + 4\\frac{mv_0^2}{l}" };
}
