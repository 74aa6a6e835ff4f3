/** E14-E20: none gets out, none passes unearned, and the run goes on; also when started by root, as in CI. */
import assert from "@std/assert";
import { CpythonExecutor } from "../../../lib/exec/cpython.ts";
import type { Executor, Job, Language } from "../../../lib/exec/executor.ts";
import { JsExecutor } from "../../../lib/exec/js.ts";
import { PyodideExecutor } from "../../../lib/exec/pyodide.ts";
import { Sandbox } from "../../../lib/exec/sandbox.ts";
import { compareSql } from "../../../lib/exec/sqlite.ts";
import { ToolchainExecutor } from "../../../lib/exec/toolchain.ts";
import {
  JS_ASSERTS,
  JS_CHECK,
  JS_NAMES,
  JS_SHARED,
  jsEscapes,
  PYTHON_CHECK,
  PYTHON_HOOKS,
  pythonEscapes,
  SQL_GOLD,
  sqlEscapes,
  type Target,
} from "./escapes.ts";
import { ENTRIES, FRAMES, HONEST, toolchainEscapes } from "./toolchain_escapes.ts";

const FULL = Deno.env.get("UNMASK_FULL") !== undefined;
const CANARY = "the host's own";

/** Every attempt, or a slice of them. */
function chosen<T>(attempts: readonly T[], every: number): readonly T[] {
  return FULL ? attempts : attempts.filter((_, i) => i % every === 0);
}

Deno.test("docs/code-execution.md counts these attempts", async () => {
  const text = await Deno.readTextFile(
    new URL("../../../docs/code-execution.md", import.meta.url),
  );
  const target = { file: "", port: 0 };
  const js = jsEscapes(target).length + JS_NAMES.length + JS_SHARED.length;
  const others = Object.values(toolchainEscapes(target)).flat().length;
  const counts = [pythonEscapes(target).length, js, sqlEscapes(target).length, others];
  const [, ...told] =
    /(\d+) Python \(in both executors\), (\d+) JavaScript, (\d+) SQL, (\d+) in seven more/.exec(
      text,
    )!;
  assert.deepEqual(told.map(Number), counts);
});

/** A file and a port that must stay untouched, and a variable that must stay unread. */
async function withTarget(body: (target: Target) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  await Deno.chmod(folder, 0o777);
  const file = `${folder}/canary.txt`;
  await Deno.writeTextFile(file, CANARY);
  await Deno.chmod(file, 0o666);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let connections = 0;
  const listening = (async () => {
    for await (const connection of listener) {
      connections++;
      connection.close();
    }
  })();
  Deno.env.set("UNMASK_SECRET_CANARY", "1");
  try {
    await body({ file, port: listener.addr.port });
    assert.equal(await Deno.readTextFile(file), CANARY);
    assert.deepEqual(Array.from(Deno.readDirSync(folder), ({ name }) => name), ["canary.txt"]);
    assert.equal(connections, 0, "somebody reached the network");
  } finally {
    Deno.env.delete("UNMASK_SECRET_CANARY");
    listener.close();
    await listening;
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs attempts; after each an honest program must pass. */
async function allStayIn(
  executor: Executor,
  attempts: readonly (readonly [string, Job])[],
  honest: Job,
): Promise<void> {
  const out: string[] = [];
  try {
    for (const [name, job] of attempts) {
      const began = performance.now();
      const { status, message } = await executor.run(job);
      if (status === "passed") out.push(name);
      assert.ok(!/[^\P{Cc}\t\n]/u.test(message), `${name}: control characters in a message`);
      // Not a timing: a program that is never stopped would hang the run.
      assert.ok(performance.now() - began < 120_000, `${name} was not stopped`);
      const after = await executor.run(honest);
      assert.equal(after.status, "passed", `after ${name}: ${after.message}`);
    }
  } finally {
    await executor.close();
  }
  assert.deepEqual(out, []);
}

function python(program: string, check: string, timeoutMs: number): Job {
  return { language: "python", files: { "main.py": program }, entry: "main.py", check, timeoutMs };
}

async function pythonStaysIn(executor: Executor, every: number): Promise<void> {
  await withTarget(async (target) => {
    const attempts = [...new Set([...chosen(pythonEscapes(target), every), ...PYTHON_HOOKS])];
    assert.ok(!FULL || attempts.length >= 40);
    await allStayIn(
      executor,
      attempts.map(([name, program]) => [name, python(program, PYTHON_CHECK, 1000)] as const),
      python("x = 1 + 1", "assert x == 2", 60_000),
    );
  });
}

Deno.test("E14 E15 E16 E17 E18 pyodide: nobody gets out or passes unearned", async () => {
  await pythonStaysIn(new PyodideExecutor({ workers: 1 }), 6);
});

const sandbox = new Sandbox();
const cpython = await new CpythonExecutor(sandbox).available();
const why = cpython.ok ? "" : ` (ignored: ${cpython.why})`;

Deno.test({
  name: `E14 E15 E16 E17 E18 cpython: nobody gets out or passes unearned${why}`,
  ignore: !cpython.ok,
  fn: () => pythonStaysIn(new CpythonExecutor(sandbox), 5),
});

Deno.test({
  name: `E18 cpython: nothing is left running${why}`,
  ignore: !cpython.ok,
  async fn() {
    const program =
      "import os, time\nif os.fork() == 0:\n  os.setsid()\n  open('/tmp/x', 'w')\n  time.sleep(54321)";
    await new CpythonExecutor(sandbox).run(python(program, "", 5000));
    const left: string[] = [];
    for await (const { name } of Deno.readDir("/proc")) {
      const line = await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
      if (/^\d+$/.test(name) && line.includes("54321")) left.push(line);
    }
    assert.deepEqual(left, []);
  },
});

Deno.test("E14 E15 E16 E17 E18 js: nobody gets out or passes unearned", async () => {
  await withTarget(async (target) => {
    const attempts = chosen(jsEscapes(target), 5);
    assert.ok(!FULL || attempts.length >= 40);
    const job = (code: string, timeoutMs: number): Job => ({
      language: "js",
      files: { "main.js": code },
      entry: "main.js",
      timeoutMs,
    });
    await allStayIn(
      new JsExecutor(),
      [
        ...attempts.map(([name, code]) => [name, job(code + JS_CHECK, 1500)] as const),
        ...JS_NAMES.map(([name, code]) =>
          [name, { ...job(code + JS_ASSERTS, 1500), silent: true }] as const
        ),
      ],
      job("if (1 + 1 !== 2) throw 1", 60_000),
    );
  });
});

Deno.test("E18 js: nothing is kept for another program, and no GPU is found", async () => {
  const executor = new JsExecutor();
  for (const [name, code] of JS_SHARED) {
    const job: Job = {
      language: "js",
      files: { "main.js": code },
      entry: "main.js",
      timeoutMs: 60_000,
    };
    const { status, message } = await executor.run(job);
    assert.equal(status, "passed", `${name}: ${message}`);
  }
  await executor.close();
});

Deno.test("E20 sqlite: read-only, limited, capped in time", async () => {
  await withTarget(async (target) => {
    const queries = chosen(sqlEscapes(target), 4);
    assert.ok(!FULL || queries.length >= 40);
    const schema = `CREATE TABLE t (x); INSERT INTO t VALUES ${Array(100).fill("(1)").join(", ")};`;
    const ask = (answer: string, gold: string, timeoutMs: number) =>
      compareSql({
        schema,
        comparisons: [
          { name: "it", gold, answer, rule: "set" },
          // What a query did to the table would show here.
          {
            name: "after",
            gold: "SELECT 100, 1",
            answer: "SELECT count(*), max(x) FROM t",
            rule: "set",
          },
        ],
        timeoutMs,
      });
    for (const query of queries) {
      const { equal, status } = await ask(query, SQL_GOLD, 1500);
      assert.equal(equal.it, 0, query);
      assert.ok(equal.after === 1 || status === "timeout" || status === "crash", query);
    }
    assert.equal((await ask("SELECT 'got out'", SQL_GOLD, 60_000)).equal.it, 1);
  });
});

for (const [name, frame] of Object.entries(FRAMES)) {
  const language = name as Language;
  const found = await new ToolchainExecutor(language, sandbox).available();
  const reason = found.ok ? "" : ` (ignored: ${found.why})`;
  Deno.test({
    name: `E14 E15 E16 E17 E18 toolchain:${language}: nobody gets out or passes unearned${reason}`,
    ignore: !found.ok,
    async fn() {
      await withTarget(async (target) => {
        const attempts = chosen(toolchainEscapes(target)[language]!, 5);
        const entry = ENTRIES[language] ?? `main.${language}`;
        const job = (attempt: string, timeoutMs: number): Job => ({
          language,
          files: { [entry]: frame(attempt) },
          entry,
          timeoutMs,
        });
        await allStayIn(
          new ToolchainExecutor(language, sandbox),
          attempts.map(([title, attempt]) => [title, job(attempt, 1500)] as const),
          job(HONEST[language]!, 60_000),
        );
      });
    },
  });
}
