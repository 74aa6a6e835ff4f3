/** Edge: JavaScript in a Deno process without permissions; TypeScript after a type check. */
import { type Availability, type Executor, type Job, lastLine, type Verdict } from "./executor.ts";
import { confinedDeno, runProcess } from "./process.ts";
import { TypeScriptChecker } from "./typescript.ts";

const HOST = new URL("./js_host.ts", import.meta.url);

/** Heap of a program. */
const MEMORY_MB = 256;

/** Runs JavaScript and TypeScript programs, one process each. */
export class JsExecutor implements Executor {
  readonly id = "js";
  readonly #version = `deno ${Deno.version.deno}`;
  readonly #checker = new TypeScriptChecker();

  available(): Promise<Availability> {
    return Promise.resolve({ ok: true, version: this.#version });
  }

  async run(job: Job): Promise<Verdict> {
    let code = job.files[job.entry];
    let executor = this.#version;
    if (job.language === "ts") {
      const checked = await this.#checker.check(code);
      executor = `${checked.version}, ${executor}`;
      if ("why" in checked) return { status: "failed", message: checked.why, executor };
      code = checked.code;
    }
    return { ...await runJs(code, job), executor };
  }

  async close(): Promise<void> {
    await this.#checker.close();
  }
}

async function runJs(code: string, job: Job): Promise<Omit<Verdict, "executor">> {
  const secret = crypto.randomUUID();
  const { command, ...process } = await confinedDeno(HOST, {
    v8: [`--max-old-space-size=${job.memoryMb ?? MEMORY_MB}`],
  });
  const done = await runProcess(command, {
    ...process,
    stdin: JSON.stringify({ code, secret }),
    timeoutMs: job.timeoutMs,
  });
  if (done.late) return { status: "timeout", message: `longer than ${job.timeoutMs / 1000} s` };
  const ended = done.code === 0 && done.stdout.includes(`\n${secret}`);
  const printed = done.stdout.replace(`\n${secret}`, "") + done.stderr;
  if (!ended) {
    const crashed = done.code > 128;
    return { status: crashed ? "crash" : "failed", message: firstError(done.stderr) };
  }
  if (job.silent && printed !== "") {
    return { status: "failed", message: `printed ${lastLine(printed)}` };
  }
  return { status: "passed", message: "" };
}

/** The line of a stack trace that says what happened. */
function firstError(stderr: string): string {
  return lastLine(stderr.split("\n").find((line) => /error/i.test(line)) ?? stderr);
}
