/**
 * Edge: Python without an installation. CPython compiled to WebAssembly (Pyodide) runs in a Deno process
 * that may read its own files and nothing else; a program that does not end is killed with its process.
 */
import type { Executor, Job, Verdict } from "./executor.ts";

/** Version of the npm package `pyodide`. */
const VERSION = "314.0.7";

/** Time for a cold start on a busy machine. */
const START_MS = 120_000;

/** Programs run by one process before a fresh one takes over. */
const RUNS_PER_PROCESS = 500;

/** 512 MiB of Python memory; beyond it Python raises MemoryError. */
const V8_FLAGS = "--wasm-max-mem-pages=8192,--disallow-code-generation-from-strings";

/** One host process. */
interface Host {
  readonly child: Deno.ChildProcess;
  readonly writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly lines: AsyncIterator<string>;
  runs: number;
}

/** Runs Python programs one after another; close it when done. */
export class PyodideExecutor implements Executor {
  readonly id = `pyodide ${VERSION}`;
  #host: Promise<Host> | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  run(job: Job): Promise<Verdict> {
    const verdict = this.#turn.then(() => this.#run(job));
    this.#turn = verdict.catch(() => {});
    return verdict;
  }

  async close(): Promise<void> {
    await this.#turn;
    await this.#kill();
  }

  async #run({ code, timeoutMs }: Job): Promise<Verdict> {
    const host = await (this.#host ??= start());
    // The runner says this after the last line; the program cannot know it.
    const secret = crypto.randomUUID();
    const request = new TextEncoder().encode(`${JSON.stringify({ code, secret })}\n`);
    await host.writer.write(request);
    const answer = await within(host.lines.next(), timeoutMs);
    if (answer === undefined) {
      await this.#kill();
      return { status: "timeout", message: `longer than ${timeoutMs / 1000} s` };
    }
    if (answer.done) {
      await this.#kill();
      return { status: "crash", message: "the interpreter died" };
    }
    if (++host.runs >= RUNS_PER_PROCESS) await this.#kill();
    const { said, message, fatal } = JSON.parse(answer.value);
    if (fatal) await this.#kill();
    const status = fatal ? "crash" : said === secret ? "passed" : "failed";
    return { status, message: String(message).slice(0, 2000) };
  }

  async #kill(): Promise<void> {
    const host = await this.#host?.catch(() => undefined);
    this.#host = undefined;
    if (!host) return;
    await host.writer.close().catch(() => {});
    try {
      host.child.kill("SIGKILL");
    } catch {
      // It is gone already.
    }
    await host.lines.return?.();
    await host.child.status;
  }
}

/** Starts a host process and waits until Python is up. */
async function start(): Promise<Host> {
  const package_ = new URL(".", import.meta.resolve("pyodide"));
  const runner = new URL("./pyodide_host.ts", import.meta.url);
  const folders = [package_, new URL(".", runner)].map((url) => decodeURIComponent(url.pathname));
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--no-npm",
      "--no-remote",
      "--no-config",
      "--no-lock",
      "--cached-only",
      "--no-check",
      `--allow-read=${folders.join(",")}`,
      `--v8-flags=${V8_FLAGS}`,
      runner.href,
      package_.href,
    ],
    clearEnv: true,
    env: {
      PATH: "",
      HOME: "/nonexistent",
      NO_COLOR: "1",
      DENO_DIR: Deno.env.get("DENO_DIR") ?? "",
    },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const lines = readLines(child.stdout);
  const host = { child, writer: child.stdin.getWriter(), lines, runs: 0 };
  const ready = await within(lines.next(), START_MS);
  if (ready?.value !== "ready") {
    child.kill("SIGKILL");
    await child.status;
    throw new Error(`Cannot start Python (${VERSION}): its process did not become ready`);
  }
  return host;
}

async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream() as never)) {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop()!;
    yield* parts;
  }
}

/** The promise's value, or undefined after `ms`. */
async function within<V>(promise: Promise<V>, ms: number): Promise<V | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((done) => {
    timer = setTimeout(() => done(undefined), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
