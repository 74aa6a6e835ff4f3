import assert from "@std/assert";
import { scoreMbppPlus } from "../../../../lib/eval/coding/evalplus.ts";
import { parseExactJson } from "../../../../lib/records/json.ts";
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
  // As the file has them, `3.0` is no `3`, and whole numbers have all their digits.
  [
    "kind",
    "str(x)",
    "'[3, 3.0, 123456789012345678901, -inf]'",
    exact("[3,3.0,123456789012345678901,-Infinity]"),
    1,
  ],
  // x x - 2, and x x + 2, which has no zero: nor has the reference.
  ["find_zero", "2 ** 0.5", "1.41421356237", [-2, 0, 1], 1],
  ["find_zero", "2 ** 0.5", "1.4", [-2, 0, 1], 0],
  ["find_zero", "0", "1", [2, 0, 1], 1],
];

function exact(text: string): unknown {
  return parseExactJson(text, "case");
}

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
        atol: entry === "find_zero" ? 1e-4 : 0,
      }, { code });
      assert.equal(metrics.pass, pass, `${reference} and ${answer} of ${JSON.stringify(input)}`);
    }
  } finally {
    await code.close();
  }
});
