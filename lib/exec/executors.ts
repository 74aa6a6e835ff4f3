/** Edge: chooses who runs a job, and starts nothing before it is needed. */
import { cacheDir } from "../cache_dir.ts";
import { Refusal } from "../refusal.ts";
import { CpythonExecutor } from "./cpython.ts";
import type { Availability, Executor, Job, Language, Status, Verdict } from "./executor.ts";
import { JsExecutor } from "./js.ts";
import { PyodideExecutor, type PyodideOptions } from "./pyodide.ts";
import { Sandbox } from "./sandbox.ts";
import { compareSql, type SqlRequest, type SqlVerdict } from "./sqlite.ts";
import { ToolchainExecutor, TOOLCHAINS } from "./toolchain.ts";

/** Limits that are longer than this have room for a crowded machine. */
const LONG_MS = 60_000;

/** Most by which a limit is stretched: a program that never ends has to be waited for. */
const MOST_TIMES = 16;

/** Limits of a job, or of a comparison. */
type Limits = Pick<Job, "timeoutMs" | "stepMs">;

/** Processes of the last minute, or of now, that wanted to run, for each core; 0 where the system may not be asked. */
function crowding(): number {
  const { state } = Deno.permissions.querySync({ name: "sys", kind: "loadavg" });
  if (state !== "granted") return 0;
  return Math.max(Deno.loadavg()[0], running()) / navigator.hardwareConcurrency;
}

/** Processes that run or want to (Linux): a mean of the last minute does not know yet what has just begun. */
function running(): number {
  try {
    return Number(/ (\d+)\//.exec(Deno.readTextFileSync("/proc/loadavg"))?.[1]);
  } catch {
    return 0;
  }
}

/** Options of `Executors`. */
export interface ExecutorOptions extends PyodideOptions {
  /**
   * Run programs of the system (CPython, compilers) without a sandbox where none can be had: they can then read,
   * write and send whatever the user can. Nothing else turns the sandbox off.
   */
  readonly unsafeExec?: boolean;
  /** The bubblewrap program, when it is not on the path. */
  readonly bwrap?: string;
  /** Processes that want each core; default: what the system says of the last minute. */
  readonly crowding?: () => number;
}

/** What scorers run programs with. */
export interface CodeRunner {
  /** Runs a job. Python runs embedded unless `system` asks for the installed one, where there is one. */
  run(job: Job, options: RunOptions): Promise<Verdict>;
  /** Compares SQL queries. */
  sql(request: SqlRequest): Promise<SqlVerdict>;
}

/** How a job is run. */
export interface RunOptions {
  /** Python only: "prefer" CPython where it is, or "require" it. */
  readonly system?: "prefer" | "require";
  /** Named when there is no sandbox. */
  readonly task: string;
}

/** All executors of a process; close it when done. */
export class Executors implements CodeRunner {
  readonly #made = new Map<string, Executor>();
  readonly #sandbox: Sandbox;

  /** Starts nothing yet. */
  constructor(private readonly options: ExecutorOptions = {}) {
    this.#sandbox = new Sandbox({ unsafe: options.unsafeExec, bwrap: options.bwrap });
  }

  /** Runs a job; refuses programs of the system where there is no sandbox. */
  async run(job: Job, { system, task }: RunOptions): Promise<Verdict> {
    const executor = await this.#find(job.language, system);
    const found = await executor.available();
    if (!found.ok && found.sandbox) throw new NoSandbox(task, found.why);
    return await this.#patiently(job, (it) => executor.run(it));
  }

  /** Compares SQL queries, in a process of their own. */
  async sql(request: SqlRequest): Promise<SqlVerdict> {
    return await this.#patiently(request, compareSql);
  }

  /** Limits are wall time, as in the official harnesses: what is late on a crowded machine gets a second, longer run. */
  async #patiently<J extends Limits, V extends { readonly status: Status }>(
    job: J,
    run: (job: J) => Promise<V>,
  ): Promise<V> {
    const verdict = await run(job);
    const { timeoutMs, stepMs } = job;
    if (verdict.status !== "timeout") return verdict;
    const processes = (this.options.crowding ?? crowding)();
    if (!(processes > 1)) return verdict;
    // Shares are not even.
    const times = Math.min(2 * processes, MOST_TIMES);
    if ((stepMs ?? timeoutMs) > LONG_MS) return verdict;
    return await run({
      ...job,
      timeoutMs: timeoutMs * times,
      stepMs: stepMs && stepMs * times,
    });
  }

  /** Every executor with whether it can run here, for `doctor`. */
  async report(): Promise<Record<string, Availability>> {
    const all = [
      this.#get("pyodide"),
      this.#get("cpython"),
      this.#get("js"),
      ...TOOLCHAINS.map((language) => this.#get(`toolchain:${language}`)),
    ];
    const found = await Promise.all(all.map((executor) => executor.available()));
    return Object.fromEntries(all.map(({ id }, i) => [id, found[i]]));
  }

  /** The refusal that a task which runs programs of the system gets; undefined where there is a sandbox.
   * @internal */
  async sandboxRefusal(task: string): Promise<NoSandbox | undefined> {
    const found = await this.#sandbox.available();
    return found.ok ? undefined : new NoSandbox(task, found.why);
  }

  /** Ends the processes. */
  async close(): Promise<void> {
    await Promise.all(Array.from(this.#made.values(), (executor) => executor.close()));
  }

  /** `await using code = new Executors()` closes them at the end of the scope. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #find(language: Language, system: RunOptions["system"]): Promise<Executor> {
    if (language === "js" || language === "ts") return this.#get("js");
    if (language !== "python") return this.#get(`toolchain:${language}`);
    if (system === "require") return this.#get("cpython");
    if (system === "prefer" && (await this.#get("cpython").available()).ok) {
      return this.#get("cpython");
    }
    return this.#get("pyodide");
  }

  #get(id: string): Executor {
    let executor = this.#made.get(id);
    if (!executor) this.#made.set(id, executor = this.#make(id));
    return executor;
  }

  #make(id: string): Executor {
    if (id === "pyodide") return new PyodideExecutor(this.options);
    if (id === "cpython") return new CpythonExecutor(this.#sandbox);
    if (id === "js") return new JsExecutor();
    const language = id.slice("toolchain:".length) as Language;
    return new ToolchainExecutor(language, this.#sandbox, this.options.cache ?? cacheDir() ?? null);
  }
}

/** Programs of the system are not run without a sandbox. */
export class NoSandbox extends Refusal {
  /** Names the task that asked, and why there is no sandbox. */
  constructor(task: string, why: string) {
    super(`Cannot run the programs of ${task}: ${why}, expected bubblewrap (or --unsafe-exec)`);
  }
}
