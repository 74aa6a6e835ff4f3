import assert from "@std/assert";
import { runUnitTests } from "../../../../lib/eval/coding/unittests.ts";
import { Executors } from "../../../../lib/exec/executors.ts";

const WRONG = "def f():\n  return 2";

/** Programs, and whether their tests pass, which want 1 of `f`. */
const CASES: [name: string, program: string, pass: number][] = [
  ["right", "def f():\n  return 1", 1],
  ["wrong", WRONG, 0],
  ["another assertEqual", `import unittest\nunittest.TestCase.assertEqual = id\n${WRONG}`, 0],
  [
    "an attribute for all",
    `import unittest\nunittest.TestCase.__getattribute__ = lambda self, name: (lambda *a: 0) if name == 'assertEqual' else object.__getattribute__(self, name)\n${WRONG}`,
    0,
  ],
  [
    "no failures",
    `import unittest\nunittest.TextTestResult.addFailure = lambda *a: None\n${WRONG}`,
    0,
  ],
  [
    "errors that are dropped",
    `import unittest.case, contextlib\n@contextlib.contextmanager\ndef part(*a, **k):\n  try: yield\n  except BaseException: pass\nunittest.case._Outcome.testPartExecutor = part\n${WRONG}`,
    0,
  ],
  [
    "failures that are skips",
    `import unittest\nunittest.TestCase.failureException = unittest.SkipTest\n${WRONG}`,
    0,
  ],
  ["skipping", "import unittest\ndef f():\n  raise unittest.SkipTest", 0],
  [
    "frames above it",
    `import sys\ndef f():\n  frame = sys._getframe()\n  while frame:\n    frame.f_globals.update(passed=lambda *_: True, report=lambda *a: a[-1].append('{"passed": true}'))\n    frame = frame.f_back\n  return 2`,
    0,
  ],
  ["leaving", "import sys\nsys.exit(0)", 0],
];

const TESTS = `import unittest
from program import f
class Tests(unittest.TestCase):
  def test_f(self):
    self.assertEqual(f(), 1)
`;

Deno.test("runUnitTests() counts no test that the program made pass", async () => {
  const code = new Executors({ workers: 1 });
  try {
    for (const [name, program, pass] of CASES) {
      const { score } = await runUnitTests({
        language: "python",
        files: { "program.py": program, "f_test.py": TESTS },
        entry: "",
        timeoutMs: 60_000,
      }, { tools: { code }, task: "aider", data: { test: null, libraries: [] } });
      assert.equal(score.metrics.pass, pass, name);
    }
  } finally {
    await code.close();
  }
});

Deno.test("runUnitTests() does not judge a program whose tests need an absent library", async () => {
  const code = new Executors({ workers: 1 });
  try {
    const { score } = await runUnitTests({
      language: "python",
      files: { "main.py": "def f():\n  return 1\n" },
      entry: "main.py",
      timeoutMs: 60_000,
    }, {
      tools: { code },
      task: "bigcodebench_full",
      data: { test: "import os, absent_a.b\nfrom absent_b import c", libraries: ["absent_c"] },
    });
    assert.deepEqual(score, {
      metrics: {},
      not_run: "needs the Python libraries absent_c, absent_a, absent_b",
    });
  } finally {
    await code.close();
  }
});
