import assert from "@std/assert";
import { csTests, endBefore, rustTests, shTests } from "../../../../lib/eval/coding/assembly.ts";
import { scoreHumanevalfix } from "../../../../lib/eval/coding/humanevalfix.ts";
import { answeredOutput, scoreCruxeval } from "../../../../lib/eval/coding/cruxeval.ts";
import { goProgram } from "../../../../lib/eval/coding/go_program.ts";
import {
  completionOf,
  multiplEPrompt,
  scoreMultiplE,
} from "../../../../lib/eval/coding/multipl_e.ts";
import type { Job } from "../../../../lib/exec/executor.ts";
import { END_OF_CHECKS } from "../../../../lib/exec/toolchain.ts";

const PROMPT = "#include<assert.h>\n// Adds.\nlong add(long x, long y) {\n";
const STOPS = ["\n}"];

const COMPLETIONS: [string, string, { top: string[]; completion: string }][] = [
  ["the whole program", `${PROMPT}    return x + y;\n}\n`, {
    top: [],
    completion: "    return x + y;",
  }],
  ["a body alone", "    return x + y;\n}\n", { top: [], completion: "    return x + y;" }],
  ["its own include", `#include <string>\nlong add(long x, long y) {\n    return x;\n}`, {
    top: ["#include <string>"],
    completion: "    return x;",
  }],
  ["another header", "long add(long a, long b) {\n    return a;\n}\nint main() {}", {
    top: [],
    completion: "    return a;",
  }],
  ["nothing in it", "long add(long x, long y) {\n}\n", { top: [], completion: "" }],
];

Deno.test("completionOf() takes what stands behind the prompt's last line", () => {
  for (const [name, code, wanted] of COMPLETIONS) {
    assert.deepEqual(
      completionOf(code, { text: PROMPT, name: "add" }, STOPS),
      wanted,
      name,
    );
  }
});

Deno.test("tests get their end, and checks that an answer cannot replace", () => {
  assert.equal(endBefore("a { b { c } }", 1), `a { b { c } \n${END_OF_CHECKS}\n}`);
  assert.throws(() => endBefore("a }", 2), RangeError);
  assert.match(
    csTests("{ { Debug.Assert(x); } }"),
    /UnmaskChecks\.That\(x\);[^}]*UNMASK_END_OF_CHECKS/,
  );
  assert.match(
    rustTests("{ assert_eq!(a, b); ::std::assert!(c); }}"),
    /\{ ::std::assert_eq!\(a, b\); ::std::assert!\(c\)/,
  );
  assert.match(
    shTests("}\nset -e\nrun\n"),
    /POSIXLY_CORRECT=1\n\\set -e\n[^]*\\unset POSIXLY_CORRECT\nrun/,
  );
});

/** Lines that are not blank. */
function lines(text: string): string[] {
  return text.split("\n").filter((line) => line.trim() !== "");
}

Deno.test("scoreMultiplE() keeps the functions that an answer's function calls", async () => {
  const cases: [language: string, prompt: string, code: string, program: string][] = [
    [
      "js",
      "//It\nfunction it(x){\n",
      "const f = () => 1;\nfunction it(x){\n  return f() + g();\n}\nfunction g() {}\n",
      "",
    ],
    [
      "js",
      "//It\nfunction it(x){\n",
      "  return x;\n}\n",
      "//It\nfunction it(x){\n  return x;\n}\n",
    ],
    [
      "sh",
      "# It\nit() {\n",
      "f() {\n  echo 1\n}\nit() {\n  f\n}\nit 3\n",
      "f() {\n  echo 1\n}\nit() {\n  f\n",
    ],
    ["sh", "# It\nit() {\n", "  echo 1\n}\n", "# It\nit() {\n  echo 1\n"],
    [
      "php",
      "<?php\n// It\nfunction it($x) {\n",
      "<?php\nfunction it($x) {\n  return f($x);\n}\n// F\nfunction f($x) {\n}\n?>\n",
      "<?php\n\nfunction it($x) {\n  return f($x);\n}\n// F\nfunction f($x) {\n}\n\n",
    ],
    [
      "cpp",
      "#include<assert.h>\n// It\nlong it(long x) {\n",
      "#include <map>\nlong f(long);\nint main() {\n  it(1);\n}\n\n" +
      "// { it(\nlong it(long a)\n{\n  if (it('}')) { return f(a); }\n}\nlong f(long x) {\n",
      "#include<assert.h>\n#include <map>\nlong f(long);\n\n\n\n" +
      "// { it(\nlong it(long a)\n{\n  if (it('}')) { return f(a); }\n}\nlong f(long x) {\n\n};\n" +
      "void unmask_end() {",
    ],
    [
      "cpp",
      "#include<assert.h>\nunion U{\n  long a;\n};\n// It\nlong it(U x) {\n",
      "  return f();\n}\nlong f() { return 1; }\n// So:\nassert(it(1) == 1);\n",
      "#include<assert.h>\nunion U{\n  long a;\n};\n// It\nlong it(U x) {\n" +
      "  return f();\n}\nlong f() { return 1; }\n;\nvoid unmask_end() {",
    ],
    [
      "java",
      "import java.util.*;\nclass Problem {\n    // It\n    public static long it(long x) {\n",
      'import java.io.*;\npublic class Other {}\npublic class Problem {\n  static String s = "{";\n' +
      "  public static long it(long x) { return f(x); }\n  static long f(long x) { return x; }\n" +
      "  public static void main(String[] args) { it(1); }\n}\n",
      "import java.util.*;\nimport java.io.*;\nclass Other {}\n\n\nclass Problem {\n\n" +
      '  static String s = "{";\n  public static long it(long x) { return f(x); }\n' +
      "  static long f(long x) { return x; }\n\n\n\nstatic void UnmaskEnd() {",
    ],
    [
      "cs",
      "using System;\nclass Problem {\n    // It\n    public static long It(long x) {\n",
      "    static long F(long x) {\n        return x;\n    }\n\n    public static long It(long x)\n" +
      "    {\n        return F(x);\n    }\n",
      "using System;\n\nclass Problem {\n    static long F(long x) {\n        return x;\n    }\n\n" +
      "    public static long It(long x)\n    {\n        return F(x);\n    }\n\n\n" +
      "static void UnmaskEnd() {",
    ],
  ];
  for (const [language, prompt, code, program] of cases) {
    const jobs: Job[] = [];
    const run = (job: Job) => {
      jobs.push(job);
      return Promise.resolve({ status: "passed", message: "", executor: "none" } as const);
    };
    const stop_tokens = [language === "js" ? "\nfunction " : "\n}"];
    const doc = { language, prompt, stop_tokens, tests: "TESTS\n}}" };
    const tools = { code: { run, sql: () => Promise.reject(new Error("no SQL")) } };
    await scoreMultiplE(`\`\`\`${language}\n${code}\`\`\``, doc, tools);
    const [found] = Object.values(jobs[0].files);
    const text = found.split(/\n(?:#undef NDEBUG\n#include <assert.h>\n)?TESTS/)[0];
    assert.deepEqual(lines(text), lines(program || code));
  }
});

Deno.test("scoreHumanevalfix() takes a function by its declared name, where the row has another", async () => {
  const declaration = "\nfn correct_bracketing_parenthesis<'a>(it:&'a str) -> bool{\n\n";
  const doc = { task_id: "Rust/61", entry_point: "correct_bracketing", declaration, test: "}" };
  const jobs: Job[] = [];
  const run = (job: Job) => {
    jobs.push(job);
    return Promise.resolve({ status: "passed", message: "", executor: "none" } as const);
  };
  const tools = { code: { run, sql: () => Promise.reject(new Error("no SQL")) } };
  for (const code of [`${declaration.trim()}\n    true\n}`, "    true\n}"]) {
    await scoreHumanevalfix(`\`\`\`rust\n${code}\n\`\`\``, doc, tools);
  }
  const openings = jobs.map(({ files }) => files["main.rs"].split("fn correct").length - 1);
  assert.deepEqual(openings, [1, 1]);
});

Deno.test("scoreHumanevalfix() does not score a row whose own header is missing", async () => {
  const declaration = "#include<boost/any.hpp>\nlong it(boost::any x){\n";
  const doc = { task_id: "CPP/22", entry_point: "it", declaration, test: "int main(){}" };
  const message = (header: string) =>
    `does not compile: main.cpp:26:9: fatal error: ${header}: No such file or directory`;
  const cases = [["boost/any.hpp", {}], ["mine.h", { pass: 0 }]] as const;
  for (const [header, metrics] of cases) {
    const run = () =>
      Promise.resolve({ status: "failed", message: message(header), executor: "none" } as const);
    const tools = { code: { run, sql: () => Promise.reject(new Error("no SQL")) } };
    const score = await scoreHumanevalfix("```\nreturn 1;\n}\n```", doc, tools);
    assert.deepEqual(score.metrics, metrics);
  }
});

Deno.test("shTests() fails a program by its tests alone", async () => {
  const tests = "}\n\ncandidate() {\n    one\n}\n\nset -e\nrun_test() {\n" +
    '    [[ $(candidate) = "1" ]]\n    [[ -n "$(candidate)" ]]\n}\n\nrun_test';
  const cases: [program: string, passes: boolean][] = [
    // A step that is 0 fails, and no function without `set -e` of its own ends there.
    ["one() {\n    local n=0\n    ((n++))\n    echo $n\n", true],
    ["one() {\n    echo 2\n", false],
    ["alias set=: unset=: unalias=: '[['=:\nshopt -s expand_aliases\none() {\n    echo 2\n", false],
    ["set() { :; }\nunalias() { :; }\nshopt() { :; }\none() {\n    echo 2\n", false],
  ];
  for (const [program, passes] of cases) {
    const script = `${program}\n${shTests(tests)}`.replace(END_OF_CHECKS, "exit 7");
    const { code } = await new Deno.Command("bash", { args: ["-c", script] }).output();
    assert.equal(code === 7, passes, program);
  }
});

Deno.test("goProgram() imports what is used and nothing else", () => {
  const doc = {
    test_setup:
      'package main\n\nimport (\n    "testing"\n    "github.com/stretchr/testify/assert"\n)\n',
    test: "func TestX(t *testing.T) {\n    assert := assert.New(t)\n    assert.Equal(1, F())\n}\n",
    import: 'import (\n    "math"\n    "strings"\n)\n',
  };
  const code =
    'package main\nimport "fmt"\nimport (\n\t"sort"\n)\nfunc F() int { return int(math.Abs(-1)) }\n';
  const text = goProgram(code, doc);
  const imports = [...text.matchAll(/^\t"([^"]+)"$/gm)].map(([, path]) => path).sort();
  assert.deepEqual(imports, ["fmt", "github.com/stretchr/testify/assert", "math", "os", "testing"]);
  assert.equal(text.match(/^package main$/gm)?.length, 1);
});

/** Answers of CRUXEval and the value in them. */
const OUTPUTS: [string, string][] = [
  ["[ANSWER]\nassert f('a == b)') == 'x'\n[/ANSWER]", "'x'"],
  ['[ANSWER]assert f("""a)""") == [1] [/ANSWER]', "[1]"],
  ["thinking... 5 == 5\n[/ANSWER]", "thinking... 5 == 5"],
  ["[ANSWER]f(1)[/ANSWER]", "f(1)"],
  ["[ANSWER]assert f(1) == 'a' == 'b'[/ANSWER]", "'a' == 'b'"],
  ["(((", "((("],
  ["", ""],
];

Deno.test("answeredOutput() is what follows the call's own ==", () => {
  for (const [answer, wanted] of OUTPUTS) assert.equal(answeredOutput(answer), wanted, answer);
});

Deno.test("scoreCruxeval() runs no tuple without brackets", async () => {
  const passed = { status: "passed", executor: "", stdout: "", stderr: "", message: "" } as const;
  const tools = { code: { run: () => Promise.resolve(passed), sql: () => Promise.reject() } };
  const doc = { code: "def f(x): return x", input: "1", output: "(1, 2)" };
  for (const [answer, pass] of [["(1, 2)", 1], ["1, 2", 0], ["'1, 2'", 1], ["[1] # a, b", 1]]) {
    const { metrics } = await scoreCruxeval(String(answer), doc, tools as never);
    assert.equal(metrics.pass, pass, String(answer));
  }
});

Deno.test("multiplEPrompt() shows the code as Qwen2.5-Coder does, the short name its tag", () => {
  const [{ content }] = multiplEPrompt({ language: "cs", prompt: "\nclass Problem {\n\n" });
  assert.match(String(content), /: *\n```cs\nclass Problem \{\n```$/);
});
