import assert from "@std/assert";
import { scoreMbppPlus } from "../../../../lib/eval/coding/evalplus.ts";
import { Executors } from "../../../../lib/exec/executors.ts";

/** Entry point, reference, answer, input and score: comparisons that are not plain equality. */
const CASES: [entry: string, reference: string, answer: string, input: unknown, pass: number][] = [
  ["text_match_three", "re.search('ab{3}', x)", "bool(re.search('ab{3}', x))", "abbb", 1],
  ["text_match_three", "re.search('ab{3}', x)", "bool(re.search('ab{3}', x))", "abb", 1],
  ["text_match_three", "re.search('ab{3}', x)", "'Found a match!'", "abbb", 1],
  ["text_match_three", "re.search('ab{3}', x)", "'Not matched!'", "abb", 0],
  ["text_match_three", "re.search('ab{3}', x)", "False", "abbb", 0],
  ["volume", "x / 3", "x * (1 / 3)", 2.5, 1],
  ["volume", "x * 1e200", "x * 1e200", 1e200, 1],
  ["volume", "x * 1e200", "3.5", 1e200, 0],
  ["volumes", "[x * 1e200]", "[3.5]", 1e200, 0],
];

Deno.test("scoreMbppPlus() compares outputs as EvalPlus does", async () => {
  const code = new Executors({ workers: 1 });
  try {
    for (const [entry, reference, answer, input, pass] of CASES) {
      const program = (value: string) => `import re\ndef ${entry}(x):\n    return ${value}\n`;
      const { metrics } = await scoreMbppPlus(`\`\`\`python\n${program(answer)}\`\`\``, {
        task_id: "Mbpp/1",
        entry_point: entry,
        canonical_solution: program(reference),
        base_input: [[input]],
        plus_input: [[input]],
        atol: 0,
      }, { code });
      assert.equal(metrics.pass, pass, `${reference} and ${answer} of ${input}`);
    }
  } finally {
    await code.close();
  }
});
