import assert from "@std/assert";
import { codeifProgram, codeifPrompt, scoreCodeif } from "../../../lib/eval/codeif/score.ts";
import { Tools } from "../../../lib/eval/evaluate.ts";
import { Executors } from "../../../lib/exec/executors.ts";
import { SHARED_BENCHMARKS, sharedIsThere } from "../../shared.ts";

Deno.test("codeifProgram() takes the first closed block with the tag in small letters", () => {
  const cases: [string, string][] = [
    ["So:\n```python\na\n```\n```python\nb\n```", "a\n"],
    ["```python\r\na```", "a"],
    ["```python\na", "```python\na"],
    ["```Python\na\n```", "```Python\na\n```"],
    ["```\na\n```", "```\na\n```"],
    ["```python3\na\n```", "```python3\na\n```"],
    ["```python \na\n``` ```python\nb```", "b"],
    ["a", "a"],
    ["", ""],
  ];
  for (const [answer, wanted] of cases) assert.equal(codeifProgram(answer), wanted, answer);
  assert.ok(codeifProgram("```python\n".repeat(2 ** 17)).length <= 200_000);
});

Deno.test("scoreCodeif() passes a program that reaches the end of its asserts", async () => {
  const doc = {
    prompt: "",
    test: ["assert f(1) == 2\r", "try:\n    f('a')\nexcept TypeError: pass"],
  };
  const cases: [string, number][] = [
    ["```python\ndef f(x):\n    return x + 1\n```", 1],
    ["def f(x):\r\n    return x + 1\r\nif __name__ == '__main__':\r\n    print(f(2))", 1],
    ["def f(x):\n    return x", 0],
    ["import os\nos._exit(0)", 0],
    ["raise SystemExit(0)", 0],
    ["def f(x): return input()", 0],
    [" \n", 0],
  ];
  const tools = new Tools(new Executors());
  try {
    for (const [answer, passed] of cases) {
      const { metrics, unparsed = false } = await scoreCodeif(answer, doc, tools);
      assert.deepEqual([metrics, unparsed], [{ passed }, answer.trim() === ""], answer);
    }
    const rowless = await scoreCodeif("x = 1", { test: null }, tools);
    assert.deepEqual(rowless.metrics, { passed: 1 });
  } finally {
    await tools.close();
  }
});

Deno.test({
  name: "codeif_bench scores every golden case and prompt",
  ignore: !sharedIsThere("benchmarks/codeif_bench/scoring.jsonl"),
  async fn() {
    const rows = (name: string) =>
      Deno.readTextFileSync(`${SHARED_BENCHMARKS}/codeif_bench/${name}`).trim().split("\n")
        .map((line) => JSON.parse(line));
    const [prompt] = rows("prompts.jsonl");
    const doc = rows("L_1_part_1.jsonl").find(({ task_id }) => task_id === prompt.task_id);
    assert.deepEqual(codeifPrompt(doc), prompt.messages);
    const tools = new Tools(new Executors());
    try {
      for (const { output, doc, expected, note, stable } of rows("scoring.jsonl")) {
        if (stable === false) continue;
        const { metrics } = await scoreCodeif(output, doc, tools);
        assert.equal(metrics.passed, expected.passed, `${doc.task_id}: ${note}`);
      }
    } finally {
      await tools.close();
    }
  },
});
