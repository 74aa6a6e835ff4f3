import assert from "@std/assert";
import { searchReplace, wholeFiles } from "../../../../lib/eval/coding/edits.ts";

/** Answers for a.py (and b.py), and the files in them; a string is why there are none. */
const WHOLE: [string, string[], string, Record<string, string> | RegExp][] = [
  ["a name line", ["a.py"], "a.py\n```\nx\n```\n", { "a.py": "x\n" }],
  ["a heading", ["a.py"], "### a.py:\n```python\nx\n```", { "a.py": "x\n" }],
  ["stars", ["a.py"], "**a.py**\n```\nx\n```", { "a.py": "x\n" }],
  ["a folder that is none", ["a.py"], "path/to/a.py\n```\nx\n```", { "a.py": "x\n" }],
  ["no name, one file", ["a.py"], "\n```\nx\n```", { "a.py": "x\n" }],
  ["no name, one mentioned", ["a.py", "b.py"], "Change `b.py`:\n\n```\nx\n```", { "b.py": "x\n" }],
  ["no name, none mentioned", ["a.py", "b.py"], "```\nx\n```", /no file name/],
  ["prose before the fence is a wrong name", ["a.py"], "Here it is\n```\nx\n```", {
    "Here it is": "x\n",
  }],
  ["no closing fence", ["a.py"], "a.py\n```\nx", { "a.py": "x\n" }],
  ["the first listing of a file counts", ["a.py"], "a.py\n```\nx\n```\na.py\n```\ny\n```", {
    "a.py": "x\n",
  }],
  ["a named listing before an unnamed one", ["a.py"], "\n```\ny\n```\na.py\n```\nx\n```", {
    "a.py": "x\n",
  }],
  ["other fences are text", ["a.py"], "a.py\n~~~\nx\n~~~", {}],
  ["no edit", ["a.py"], "I would not.", {}],
  ["CRLF", ["a.py"], "a.py\r\n```\r\nx\r\n```\r\n", { "a.py": "x\n" }],
];

Deno.test("wholeFiles() reads file listings", () => {
  for (const [name, files, answer, wanted] of WHOLE) {
    const found = wholeFiles(answer, files);
    if (wanted instanceof RegExp) {
      assert.match((found as { malformed: string }).malformed, wanted, name);
    } else assert.deepEqual(found, { files: wanted }, name);
  }
});

function block(search: string, replace: string, name = "a.py"): string {
  return `${name}\n\`\`\`python\n<<<<<<< SEARCH\n${search}\n=======\n${replace}\n>>>>>>> REPLACE\n\`\`\`\n`;
}

const SOURCE = "def f():\n    return 1\n\ndef g():\n    return 2\n";

const DIFF: [string, string, string | RegExp | undefined][] = [
  ["one block", block("    return 1", "    return 3"), SOURCE.replace("1", "3")],
  [
    "two blocks",
    block("    return 1", "    return 3") + block("    return 2", "    return 4"),
    SOURCE.replace("1", "3").replace("2", "4"),
  ],
  [
    "another indentation",
    block("return 2", "x = 4\nreturn x"),
    SOURCE.replace("    return 2", "    x = 4\n    return x"),
  ],
  ["an empty search adds", block("", "def h(): pass"), `${SOURCE}def h(): pass\n`],
  ["lines that are not there", block("    return 9", "x"), /not in a\.py/],
  ["no end", "a.py\n<<<<<<< SEARCH\nx\n", /without its end/],
  ["no block", "Nothing to do.", undefined],
];

Deno.test("searchReplace() applies blocks to the file", () => {
  for (const [name, answer, wanted] of DIFF) {
    const found = searchReplace(answer, { "a.py": SOURCE });
    if (wanted instanceof RegExp) {
      assert.match((found as { malformed: string }).malformed, wanted, name);
    } else assert.deepEqual(found, { files: wanted === undefined ? {} : { "a.py": wanted } }, name);
  }
});

Deno.test("both formats are linear in hostile answers", () => {
  for (const part of ["```\n", "`", "<<<<<<< SEARCH\n", "=======\n", "a.py\n", "*"]) {
    wholeFiles(part.repeat(20_000), ["a.py"]);
    searchReplace(part.repeat(20_000), { "a.py": SOURCE });
  }
});
