import assert from "@std/assert";
import type { Job } from "../../../lib/exec/executor.ts";
import { PyodideExecutor } from "../../../lib/exec/pyodide.ts";

function job(program: string, rest: Partial<Job> = {}): Job {
  return {
    language: "python",
    files: { "main.py": program },
    entry: "main.py",
    check: "",
    timeoutMs: 60_000,
    ...rest,
  };
}

/** Programs, a check, and the status that must come of it. */
const CASES: [string, Job, string][] = [
  ["a program that is right", job("def f(): return 1", { check: "assert f() == 1" }), "passed"],
  ["a program that is wrong", job("def f(): return 1", { check: "assert f() == 2" }), "failed"],
  ["a syntax error", job("def f(:"), "failed"],
  [
    "its files",
    job("assert open('a/b.txt').read() == 'x'", {
      files: { "main.py": "assert open('a/b.txt').read() == 'x'", "a/b.txt": "x" },
    }),
    "passed",
  ],
  ["its stdin", job("assert input() == 'hi'", { stdin: "hi\n" }), "passed"],
  ["stdin under the guard", job("import sys\nsys.stdin.read()", { guard: true }), "failed"],
  ["doctest", job("import doctest\ndoctest.testmod()", { guard: true }), "passed"],
  [
    "asyncio",
    job(
      "import asyncio\nasync def f():\n  await asyncio.sleep(0.01)\n  return 1\nassert asyncio.run(f()) == 1",
    ),
    "passed",
  ],
  [
    "a dataclass",
    job(
      "from __future__ import annotations\nimport dataclasses\n@dataclasses.dataclass\nclass A:\n  x: int\nassert A(1) == A(1)",
    ),
    "passed",
  ],
  [
    "a built-in function replaced",
    job("import builtins\nbuiltins.abs = lambda x: 0\ndef f(): return 9", {
      check: "assert abs(f() - 1) < 1",
    }),
    "failed",
  ],
  ["a guarded name", job("import os\nos.system('true')", { guard: true }), "failed"],
  ["memory without end", job("x = []\nwhile True: x.append(bytearray(10**7))"), "oom"],
  ["a loop", job("while True: pass", { timeoutMs: 300 }), "timeout"],
  [
    "a step that does not end",
    job("while True: pass", {
      checkAs: "driver",
      check: "def steps(program, data):\n  yield exec, program, {}",
      stepMs: 300,
    }),
    "timeout",
  ],
];

Deno.test("PyodideExecutor judges programs, from a snapshot and from a cold start", async () => {
  const cache = await Deno.makeTempDir();
  const python = new PyodideExecutor({ workers: 1, cache });
  const cold = new PyodideExecutor({ workers: 1, cache: null });
  try {
    for (const [name, it, status] of CASES) {
      const verdict = await python.run(it);
      assert.equal(verdict.status, status, `${name}: ${verdict.message}`);
      assert.match(verdict.executor, /^pyodide \d/);
    }
    const driver = "def steps(program, data):\n  yield exec, program, {}\n  return '[1, 2]'";
    const { result } = await python.run(job("1", { checkAs: "driver", check: driver }));
    assert.deepEqual(result, [1, 2]);
    // A cold start takes seconds of CPU; the snapshot above was made by one.
    if (Deno.env.get("UNMASK_FULL")) assert.equal((await cold.run(CASES[0][1])).status, "passed");
  } finally {
    await python.close();
    await cold.close();
    await Deno.remove(cache, { recursive: true });
  }
});

/** Programs that spoil what the next one uses, in one process. */
const SPOILERS = [
  "import builtins\nbuiltins.len = lambda x: 0",
  "import math\nmath.sqrt = lambda x: 0",
  "import collections\ncollections.Counter.most_common = None",
  "import sys\nsys.setrecursionlimit(50)\nsys.path.clear()\nsys.modules.clear()",
  "import os\nos.chdir('/')\nopen('/tmp/left.txt', 'w').write('x')\nos.environ['LEFT'] = '1'",
  "import random\nrandom.seed(1)\nopen('/lib/left.txt', 'w')",
  "import gc\ngc.disable()\nimport asyncio\nasync def f(): pass\nasyncio.run(f())",
  "import ctypes\nctypes.memset(id(1), 0, 4)",
  "open('/lib/python314.zip', 'w').write('x')",
  "import os\nos.rename('/lib/python314.zip', '/lib/other.zip')",
  "import os\nos.chmod('/lib/python314.zip', 0)",
  "import os\nos.chmod('/tmp', 0)\nos.chmod('/home', 0o400)",
  "import os\nos.unlink('/dev/null')\nopen('/dev/shm/left.txt', 'w')",
];

Deno.test("PyodideExecutor: no program changes what the next one finds", async () => {
  const python = new PyodideExecutor({ workers: 1 });
  const clean = job(`import math, collections, sys, os, random, gc, json, re
assert len([1]) == 1 and math.sqrt(4) == 2 and 1 + 1 == 2
assert collections.Counter('aab').most_common(1) == [('a', 2)]
assert sys.getrecursionlimit() > 900 and not os.path.exists('left.txt')
assert not os.path.exists('/lib/left.txt') and 'LEFT' not in os.environ
assert os.listdir('/home') and open('/dev/null').read() == '' and os.listdir('/dev/shm') == ['tmp']
assert gc.isenabled() and os.path.getsize('/lib/python314.zip') > 1000000
import difflib`);
  try {
    for (const spoiler of SPOILERS) {
      await python.run(job(spoiler, { timeoutMs: 5000 }));
      const { status, message } = await python.run(clean);
      assert.equal(status, "passed", `after ${spoiler}: ${message}`);
    }
  } finally {
    await python.close();
  }
});
