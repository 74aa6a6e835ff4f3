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
  ["big", "x ** 9999", "x ** 9999", 9, 1],
  ["big", "x ** 9999", "x ** 9999 + 1", 9, 0],
  ["edge", "[x ** 53, x ** 53 - 1, -(x ** 53)]", "[2 ** 53, 2 ** 53 - 1, -(2 ** 53)]", 2, 1],
  ["edge", "x ** 53", "2 ** 53 + 1", 2, 0],
  ["edge", "x ** 53 - 1", "2 ** 53", 2, 0],
  ["edge", "[x == 2, x]", "[1, 2.0]", 2, 1],
  ["large", "[x, 2.0, 'a'] * 2 ** 14", "[2.0, True + 1, 'a'] * 2 ** 14", 2, 1],
  ["large", "[x, 2.0, 'a'] * 2 ** 14", "[x, 2.0, 'a'] * (2 ** 14 - 1) + [x, 3, 'a']", 2, 0],
  ["large", "[x, 2.0, 'a'] * 2 ** 14", "(x, 2.0, 'a') * 2 ** 14", 2, 0],
  ["large", "[x / 3] * 2 ** 14", "[x / 3 + 1e-9] * 2 ** 14", 2.5, 1],
  ["whole", "x", "float(x)", 2, 1],
  ["kinds", "(x, 1.5, None)", "[x, 1.5, None]", true, 0],
  ["kinds", "(x, 1.5, None)", "(1, Fraction(3, 2), None)", true, 1],
  ["table", "{(1, 'a'): {x}}", "Counter({(1, 'a'): {x}})", 1, 1],
  ["table", "{(1, 'a'): {x}}", "{(1, 'a'): {x: x}}", 1, 0],
  ["views", "{x}", "{x: 0}.keys()", 1, 1],
  ["lone", "'\\ud800' + x", "chr(0xd800) + x", "é", 1],
  ["lengths", "range(x)", "range(0, x)", 5, 1],
  ["lengths", "range(x)", "list(range(x))", 5, 0],
  ["never", "x", "float('nan')", 1.5, 0],
  ["dates", "date(2020, 1, x)", "date(2020, 1, x)", 5, 1],
  ["dates", "date(2020, 1, x)", "date(2020, 1, x + 1)", 5, 0],
  ["anything", "object()", "object()", 5, 0],
  ["Diff", "[x, 2]", "(i for i in (2, x))", 1, 1],
  ["added", "x", "sum", 1, 0],
  ["same", "x", "type('E', (int,), {'__eq__': lambda *_: True})()", 1, 0],
];

/** Answers that know the driver: they change what compares, or what the results are. */
const CHEATS = [
  "    f = sys._getframe(1)\n    f.f_globals.update(same=lambda *_: True, compare=lambda *_: None)\n    return 0",
  "    f = sys._getframe(1)\n    f.f_globals.update(finish=lambda _, reports: reports.append('[]'))\n    return 0",
  "    sys._getframe(1).f_locals['results'].extend([2] * 9)\n    return 2",
  "    class Any:\n        def __eq__(self, _): return True\n    return Any()",
];

const IMPORTS =
  "import re\nfrom collections import Counter\nfrom datetime import date\nfrom fractions import Fraction\n";

function docOf(entry: string, { reference, input }: { reference: string; input: unknown }) {
  return {
    task_id: "Mbpp/1",
    entry_point: entry,
    canonical_solution: reference,
    base_input: [[input]],
    plus_input: [[input]],
    atol: entry === "find_zero" ? 1e-4 : 0,
  };
}

function exact(text: string): unknown {
  return parseExactJson(text, "case");
}

function fenced(program: string): string {
  return `\`\`\`python\n${program}\`\`\``;
}

Deno.test("scoreMbppPlus() compares outputs as EvalPlus does", async () => {
  const code = new Executors({ workers: 1 });
  try {
    for (const [entry, reference, answer, input, pass] of CASES) {
      const program = (value: string) => `${IMPORTS}def ${entry}(x):\n    return ${value}\n`;
      const doc = docOf(entry, { reference: program(reference), input });
      const { metrics } = await scoreMbppPlus(fenced(program(answer)), doc, { code });
      assert.equal(metrics.pass, pass, `${reference} and ${answer} of ${JSON.stringify(input)}`);
    }
    for (const cheat of CHEATS) {
      const doc = docOf("f", { reference: "def f(x):\n    return 1\n", input: 1 });
      const program = `import sys\ndef f(x):\n${cheat}\n`;
      assert.equal((await scoreMbppPlus(fenced(program), doc, { code })).metrics.pass, 0, cheat);
    }
  } finally {
    await code.close();
  }
});
