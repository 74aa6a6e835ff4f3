import assert from "@std/assert";
import { CpythonExecutor } from "../../../lib/exec/cpython.ts";
import type { Job } from "../../../lib/exec/executor.ts";
import { Executors } from "../../../lib/exec/executors.ts";
import { END_OF_CHECKS } from "../../../lib/exec/toolchain.ts";
import { refuses } from "../../mutate.ts";

function shell(program: string, timeoutMs = 60_000): Job {
  const files = { "main.sh": `${program}\n${END_OF_CHECKS}\n` };
  return { language: "sh", files, entry: "main.sh", timeoutMs };
}

const NOWHERE = { bwrap: "/nonexistent/bwrap" };

Deno.test("E19 without a sandbox programs of the system are refused, and the tasks named", async () => {
  const executors = new Executors(NOWHERE);
  try {
    await refuses(
      () => executors.run(shell("true"), { task: "multipl_e" }),
      /programs of multipl_e: .*expected bubblewrap \(or --unsafe-exec\)/,
    );
    const refusal = await executors.sandboxRefusal("bigcodebench_full");
    assert.match(refusal!.message, /programs of bigcodebench_full: /);
    // What needs no sandbox of the system still runs.
    const python: Job = {
      language: "python",
      files: { "main.py": "x = 1" },
      entry: "main.py",
      check: "assert x == 1",
      timeoutMs: 60_000,
    };
    const { status, executor } = await executors.run(python, {
      system: "prefer",
      task: "livecodebench",
    });
    assert.equal(status, "passed");
    assert.match(executor, /^pyodide/);
    await refuses(
      () => executors.run(python, { system: "require", task: "bigcodebench_full" }),
      /bigcodebench_full/,
    );
  } finally {
    await executors.close();
  }
});

Deno.test({
  name: "E19 a sandbox that is there and cannot start is not called missing",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const folder = await Deno.makeTempDir();
    await Deno.chmod(folder, 0o755);
    const bwrap = `${folder}/bwrap`;
    await Deno.writeTextFile(bwrap, "#!/bin/sh\necho 'setresuid failed' >&2\nexit 127\n");
    await Deno.chmod(bwrap, 0o755);
    try {
      const refusal = await new Executors({ bwrap }).sandboxRefusal("multipl_e");
      assert.match(refusal!.message, /bubblewrap cannot start: setresuid failed/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "E19 --unsafe-exec runs them without, under limits of time",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const executors = new Executors({ ...NOWHERE, unsafeExec: true });
    try {
      const run = async (program: string, timeoutMs?: number) =>
        (await executors.run(shell(program, timeoutMs), { task: "multipl_e" })).status;
      assert.equal(await run("[ -d /etc ]"), "passed");
      assert.equal(await run("exit 0"), "failed");
      assert.equal(await run("sleep 1000 & sleep 1000", 300), "timeout");
    } finally {
      await executors.close();
    }
  },
});

Deno.test({
  name: "E15 a program's buffers are limited as its heap is",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const executors = new Executors();
    try {
      // Nobody writes to them, so that without a limit they cost nothing either.
      const program = "const x = []; for (let i = 0; i < 16; i++) x.push(new Uint8Array(5e8));";
      const { status, message } = await executors.run({
        language: "js",
        files: { "main.js": program },
        entry: "main.js",
        timeoutMs: 60_000,
      }, { task: "multipl_e" });
      assert.equal(status, "failed");
      assert.match(message, /allocation failed/);
    } finally {
      await executors.close();
    }
  },
});

Deno.test("require('js-md5') is there, as one of HumanEvalFix's programs wants it", async () => {
  const executors = new Executors();
  try {
    const program =
      "const md5 = require('js-md5'); if (md5('Hello world').slice(0, 8) !== '3e25960a') throw 1";
    const files = { "main.js": program };
    const job: Job = { language: "js", files, entry: "main.js", timeoutMs: 60_000 };
    assert.equal((await executors.run(job, { task: "humanevalfix" })).status, "passed");
  } finally {
    await executors.close();
  }
});

const numpy = await hasNumpy();

/** Whether the system's Python, in the sandbox, has numpy. */
async function hasNumpy(): Promise<boolean> {
  const job: Job = {
    language: "python",
    files: { "main.py": "import numpy" },
    entry: "main.py",
    timeoutMs: 60_000,
  };
  return (await new CpythonExecutor().run(job)).status === "passed";
}

Deno.test({
  name: `numpy can be imported under the guard${numpy ? "" : " (ignored: no numpy in CPython)"}`,
  ignore: !numpy,
  async fn() {
    const files = { "main.py": "import numpy\nassert numpy.arange(3).sum() == 3" };
    const job: Job = {
      language: "python",
      files,
      entry: "main.py",
      guard: true,
      timeoutMs: 60_000,
    };
    assert.equal((await new CpythonExecutor().run(job)).status, "passed");
  },
});

const found = await new Executors().sandboxRefusal("multipl_e");

Deno.test({
  name: `a program that is killed from within has not taken too long${
    found ? ` (ignored: ${found.message})` : ""
  }`,
  ignore: found !== undefined,
  async fn() {
    const executors = new Executors();
    try {
      const run = async (program: string, timeoutMs?: number) =>
        (await executors.run(shell(program, timeoutMs), { task: "multipl_e" })).status;
      assert.equal(await run("kill -KILL $$"), "crash");
      assert.equal(await run("sleep 1000", 500), "timeout");
    } finally {
      await executors.close();
    }
  },
});

Deno.test("a program that is late on a crowded machine gets a second, longer run", async () => {
  const files = { "main.js": "const end = Date.now() + 1600; while (Date.now() < end);" };
  const job: Job = { language: "js", files, entry: "main.js", timeoutMs: 1500 };
  for (const [processes, status] of [[1, "timeout"], [99, "passed"]] as const) {
    const executors = new Executors({ crowding: () => processes });
    assert.equal((await executors.run(job, { task: "multipl_e" })).status, status);
    await executors.close();
  }
});

Deno.test("report() says of every executor whether it can run here, and why not", async () => {
  const executors = new Executors(NOWHERE);
  try {
    const report = await executors.report();
    assert.ok(report.pyodide.ok && report.js.ok);
    assert.ok(!report.cpython.ok && report.cpython.why !== "");
    assert.ok(Object.keys(report).includes("toolchain:cpp"));
  } finally {
    await executors.close();
  }
});
