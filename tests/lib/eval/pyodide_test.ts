import assert from "@std/assert";
import { PyodideExecutor } from "../../../lib/eval/pyodide.ts";

/** Programs that try to get out, to pass unearned, or not to end. */
const HOSTILE: [string, string, RegExp][] = [
  ["E14 a loop", "while True: pass", /timeout/],
  [
    "E14 a loop that catches everything",
    "while True:\n  try: pass\n  except BaseException: pass",
    /timeout/,
  ],
  ["E14 a loop in C", "sum(range(10**12))", /timeout/],
  ["E14 reading stdin", "input()", /failed/],
  ["E15 memory", "x = []\nwhile True: x.append(bytearray(10**7))", /failed|crash|timeout/],
  ["E15 a print flood", "for i in range(10**6): print('passed')\nassert False", /failed|timeout/],
  ["E15 processes", "import os\nos.fork()", /failed/],
  ["E16 a file of the host", "open('/etc/passwd').read()", /failed/],
  ["E16 the network", "import socket\nsocket.create_connection(('127.0.0.1', 80), 1)", /failed/],
  ["E16 the browser's objects", "import js\njs.fetch('http://127.0.0.1')", /failed/],
  ["E17 leaving early", "import sys\nsys.exit(0)", /failed/],
  ["E17 leaving harder", "import os\nos._exit(0)", /failed/],
  ["E17 saying passed", "print('passed')\nraise SystemExit", /failed/],
  ["a syntax error", "def f(:", /failed/],
  ["deep recursion", "def f(): return f()\nf()", /failed|crash/],
];

Deno.test("E14-E18 no hostile program passes, and the next one is judged rightly", async () => {
  const python = new PyodideExecutor();
  try {
    for (const [name, code, wanted] of HOSTILE) {
      const { status } = await python.run({ code, timeoutMs: 1500 });
      assert.match(status, wanted, name);
      const after = await python.run({ code: "assert 1 + 1 == 2", timeoutMs: 60_000 });
      assert.equal(after.status, "passed", `after ${name}`);
    }
    await python.run({ code: "import builtins\nbuiltins.len = lambda x: 0", timeoutMs: 5000 });
    const clean = await python.run({ code: "assert len([1]) == 1", timeoutMs: 5000 });
    assert.equal(clean.status, "passed");
  } finally {
    await python.close();
  }
});
