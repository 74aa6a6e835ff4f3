import assert from "@std/assert";
import { definesPython, extractCode } from "../../../../lib/eval/coding/extract.ts";

const DEF = "def f(x):\n    return x\n";

/** Answers and the code in them. */
const CASES: [string, string, string | undefined][] = [
  ["one block", "Sure:\n```python\n" + DEF + "```\nDone.", DEF],
  ["capitals and other names of the tag", "```Py\n" + DEF + "```", DEF],
  ["no tag", "```\n" + DEF + "```", DEF],
  ["another language's block is passed over", "```bash\nls\n```\n```python\n" + DEF + "```", DEF],
  ["a sketch before the definition", "```python\nf(1)\n```\n```python\n" + DEF + "```", DEF],
  ["an example after it", "```python\n" + DEF + "```\n```python\nf(1)\n```", DEF],
  ["no closing fence", "```python\n" + DEF, DEF],
  ["an indented fence", "1. so\n   ```python\n" + DEF + "   ```\n", DEF],
  ["no fence: the text, its first blanks kept", "\n    return x\n\n", "    return x"],
  ["CRLF", "```python\r\ndef f(x):\r\n    return x\r\n```", DEF],
  [
    "thoughts before the answer",
    "<think>\n```python\nf(2)\n```\n</think>\n```\n" + DEF + "```",
    DEF,
  ],
  ["thoughts that do not end", "<think>```python\n" + DEF + "```", undefined],
  ["only foreign blocks: all count", "```json\n{}\n```", "{}\n"],
  ["an inline fence opens nothing", "```f(1)``` is\n```python\n" + DEF + "```", DEF],
  ["blanks", " \n\t\n", undefined],
  ["nothing", "", undefined],
];

Deno.test("extractCode() takes the block that defines the entry point", () => {
  for (const [name, answer, wanted] of CASES) {
    assert.equal(
      extractCode(answer, { language: "python", defines: definesPython("f") }),
      wanted,
      name,
    );
  }
});

Deno.test("extractCode() is linear in hostile answers", () => {
  for (const part of ["```", "```\n", "`", "\n", "<think>", "def ", "```python\n"]) {
    extractCode(part.repeat(200_000), { language: "python", defines: definesPython("f") });
  }
});
