import { rowItems } from "../../lib/eval/items.ts";
import { judgedOmniMath, scoreOmniMath } from "../../lib/eval/math/omni_math.ts";
import { promptOmniMath } from "../../lib/eval/math/prompts.ts";
import { task } from "../../lib/eval/task.ts";

/** Olympiad problems (Gao et al., 2024), the authors' rule-gradable subset: boxed expression. */
export default task({
  name: "omni_math",
  title: "Omni-MATH",
  group: "math",
  summary: "boxed expression",
  source: {
    repo: "github:KbsdJames/omni-math-rule",
    revision: "4793415ef37d31c9cdb4e5b82dbe172f76f8cf08",
    files: [{
      name: "omni_math_rule.jsonl",
      path: "evaluation/data/omni_math_rule/test.jsonl",
      rows: 2821,
    }],
    licence: "none stated",
    items: 2821,
  },
  items: rowItems("omni_math"),
  needs: [["answer", "kind"]], // a judge's report has a kind
  prompt: promptOmniMath,
  decode: { gen_length: 16384 },
  metric: "acc_rule",
  score: (text, doc, { judge }) =>
    judge ? judgedOmniMath(text, doc, judge) : scoreOmniMath(text, doc),
  parts: {
    difficulty: ({ difficulty }) => String(difficulty),
    domain: ({ domain }) => String([domain].flat()[0]).split(" -> ")[1] ?? "other",
  },
  deviations: [
    "the 2,821 rule-gradable items: the report's 1,000 are unknown",
    "symbolic rule instead of GPT-4o (--judge-endpoint asks a judge too, in this project's words)",
  ],
  reported: { mini: 41.7, flash: 50.3 },
  examples: [
    { answer: "\\boxed{\\frac{\\sqrt5-1}{2}}", doc: { answer: "(-1+\\sqrt{5})/2" }, score: 1 },
    { answer: "\\boxed{4489}", doc: { answer: "\\(\\boxed{4489}\\)" }, score: 1 },
    { answer: "\\boxed{1}", doc: { answer: "(-1+\\sqrt{5})/2" }, score: 0 },
    { answer: "", doc: { answer: "2" }, score: 0 },
  ],
});
