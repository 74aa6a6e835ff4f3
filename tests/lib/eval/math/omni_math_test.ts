/** What Omni-MATH's judge is asked, and how its report is read. */
import assert from "@std/assert";
import { judgedOmniMath, scoreOmniMath } from "../../../../lib/eval/math/omni_math.ts";

Deno.test("scoreOmniMath() reads a judge's report as the published code does", () => {
  const cases: [report: string, verdict: 0 | 1 | undefined][] = [
    ["## Equivalence Judgement\nTRUE", 1],
    ["## Equivalence Judgement\nFALSE", 0],
    ["## Equivalence Judgement\n**TRUE**", 0],
    ["## Equivalence Judgement\n\nTRUE", 0],
    ["## Equivalence Judgement", 0],
    ["##  Equivalence Judgement \nTRUE\u001f\n", 1],
    ["## Equivalence Judgement\nTRUE\n### Equivalence Judgement\nFALSE", 0],
    // No section of that very title: left out of the mean.
    ["yes", undefined],
    ["## Equivalence Judgement: TRUE", undefined],
    ["Equivalence Judgement\nTRUE\n## Justification\nSame.", undefined],
  ];
  for (const [report, verdict] of cases) {
    const { metrics, unparsed } = scoreOmniMath(report, { kind: "judge_report" });
    assert.equal(metrics.judge_correct, verdict, report);
    assert.equal(unparsed ?? false, verdict === undefined, report);
  }
});

Deno.test("judgedOmniMath() asks about the solution and adds the verdict", async () => {
  const asked: string[] = [];
  const judge = {
    name: "j",
    ask(prompt: string) {
      asked.push(prompt);
      return Promise.resolve("## Equivalence Judgement\nTRUE");
    },
  };
  const doc = { problem: "1 + 1?", answer: "$2$" };
  const { metrics } = await judgedOmniMath("$& is \\boxed{3}", doc, judge);
  assert.deepEqual(metrics, { acc_rule: 0, acc_math_verify: 0, judge_correct: 1 });
  for (const part of ["1 + 1?", "$2$", "$& is \\boxed{3}"]) {
    assert.ok(asked.join().includes(part), part);
  }
});
