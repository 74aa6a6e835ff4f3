import assert from "@std/assert";
import { wholeFiles } from "../../../../lib/eval/coding/edits.ts";

/** Answers for a.py (and b.py), and the files in them; a string is why there are none. */
const WHOLE: [string, string[], string, Record<string, string> | RegExp][] = [
  ["a name line", ["a.py"], "a.py\n```\nx\n```\n", { "a.py": "x\n" }],
  ["a heading", ["a.py"], "### a.py:\n```python\nx\n```", { "a.py": "x\n" }],
  ["stars", ["a.py"], "**a.py**\n```\nx\n```", { "a.py": "x\n" }],
  ["a folder that is none", ["a.py"], "path/to/a.py\n```\nx\n```", { "a.py": "x\n" }],
  ["no name, one file", ["a.py"], "\n```\nx\n```", { "a.py": "x\n" }],
  ["no name, one mentioned", ["a.py", "b.py"], "Change `b.py`:\n\n```\nx\n```", { "b.py": "x\n" }],
  ["no name, none mentioned", ["a.py", "b.py"], "```\nx\n```", /^No filename provided before ```/],
  ["the last one mentioned", ["a.py", "b.py"], "`b.py`, not `a.py`.:\n\n```\nx\n```", {
    "a.py": "x\n",
  }],
  ["marks in any number", ["a.py"], "#######a.py::\n```\nx\n```", { "a.py": "x\n" }],
  ["a name", ["a.py"], `${"é".repeat(250)}\n\`\`\`\nx\n\`\`\``, { ["é".repeat(250)]: "x\n" }],
  ["a long line is no name", ["a.py"], `${"x".repeat(251)}\n\`\`\`\nx\n\`\`\``, { "a.py": "x\n" }],
  ["lines as Python has them", ["a.py"], "b.py\u2028```\rx\f```", { "b.py": "x\f" }],
  ["prose before the fence is a wrong name", ["a.py"], "Here it is\n```\nx\n```", {
    "Here it is": "x\n",
  }],
  ["no closing fence", ["a.py"], "a.py\n```\nx\n", { "a.py": "x" }],
  ["the first listing of a file counts", ["a.py"], "a.py\n```\nx\n```\na.py\n```\ny\n```", {
    "a.py": "x\n",
  }],
  ["a named listing before an unnamed one", ["a.py"], "\n```\ny\n```\na.py\n```\nx\n```", {
    "a.py": "x\n",
  }],
  ["other fences are text", ["a.py"], "a.py\n~~~\nx\n~~~", {}],
  ["no edit", ["a.py"], "I would not.", {}],
  ["CRLF", ["a.py"], "a.py\r\n```\r\nx\r\n```\r\n", { "a.py": "x\r\n" }],
];

Deno.test("wholeFiles() reads file listings", () => {
  for (const [name, files, answer, wanted] of WHOLE) {
    const found = wholeFiles(answer, files);
    if (wanted instanceof RegExp) {
      assert.match((found as { malformed: string }).malformed, wanted, name);
    } else assert.deepEqual(found, { files: wanted }, name);
  }
});

Deno.test("wholeFiles() is linear in hostile answers", () => {
  for (const part of ["```\n", "`", "a.py\n", "*"]) {
    wholeFiles(part.repeat(20_000), ["a.py"]);
  }
});
