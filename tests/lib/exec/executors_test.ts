import assert from "@std/assert";
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
