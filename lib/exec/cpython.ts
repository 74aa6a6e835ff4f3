/** Edge: the system's Python in the sandbox, one process a job. */
import {
  type Availability,
  type Executor,
  type Job,
  lastLine,
  outOfMemory,
  type Verdict,
} from "./executor.ts";
import { parsed } from "./pyodide.ts";
import { pythonRequest } from "./python_request.ts";
import { limitsOf, PROBE_MS, Sandbox } from "./sandbox.ts";
import runner from "./python/runner.py" with { type: "text" };
import { said } from "./process.ts";

/** Debian's Python, whatever else is on the path: its packages are what BigCodeBench is run with. */
const PYTHON = "/usr/bin/python3";

/** What plotting and numeric libraries need beside /usr. */
const BINDS = ["/etc/alternatives", "/etc/fonts", "/etc/matplotlibrc", "/etc/mime.types"];

/** What numeric libraries go by. numpy sets the last two where they lack, and the guard lets nobody set any. */
const ENV = {
  MPLBACKEND: "Agg",
  OPENBLAS_NUM_THREADS: "1",
  OMP_NUM_THREADS: "1",
  OPENBLAS_MAIN_FREE: "1",
  GOTOBLAS_MAIN_FREE: "1",
};

/** Most that a driver may return. */
const DRIVER_BYTES = 1 << 27;

/** Runs Python programs with the system's interpreter. */
export class CpythonExecutor implements Executor {
  readonly id = "cpython";
  #found: Promise<Availability> | undefined;

  constructor(private readonly sandbox: Sandbox = new Sandbox()) {}

  available(): Promise<Availability> {
    return this.#found ??= this.#probe();
  }

  async run(job: Job): Promise<Verdict> {
    const found = await this.available();
    if (!found.ok) return { status: "tool_missing", message: found.why, executor: this.id };
    const secret = crypto.randomUUID();
    const limits = limitsOf(job);
    const done = await this.sandbox.run([PYTHON, "-I", "-B", "-c", runner], {
      ...limits,
      stdin: pythonRequest(job, secret),
      // A driver's result comes with the marks.
      keepBytes: job.checkAs === "driver" ? DRIVER_BYTES : undefined,
      binds: BINDS,
      proc: job.libraries,
      ...(job.libraries ? { scratchMb: 512, fileMb: 256 } : {}),
      env: ENV,
    });
    const executor = found.version;
    // Marks of steps, then the secret and the result: anything else on this channel is the program's doing.
    const end = new RegExp(`^\\.*\\n${secret} (.*)\\n$`, "s").exec(done.stdout);
    if (end) return { status: "passed", message: "", result: parsed(end[1]), executor };
    const why = lastLine(done.stderr);
    if (done.late) {
      return { status: "timeout", message: `longer than ${job.timeoutMs / 1000} s`, executor };
    }
    if (/^MemoryError/.test(why)) return { ...outOfMemory(limits.memoryMb), executor };
    return { status: done.code > 128 ? "crash" : "failed", message: why, executor };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #probe(): Promise<Availability> {
    const sandbox = await this.sandbox.available();
    if (!sandbox.ok) return sandbox;
    const done = await this.sandbox.run([PYTHON, "-I", "--version"], {
      memoryMb: 1024,
      processes: 16,
      timeoutMs: PROBE_MS,
    });
    const version = /Python (\S+)/.exec(done.stdout)?.[1];
    if (version) return { ok: true, version: `cpython ${version}, ${sandbox.version}` };
    return { ok: false, why: `${PYTHON} does not run: ${said(done)}` };
  }
}
