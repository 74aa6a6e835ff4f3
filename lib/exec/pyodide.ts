/**
 * Edge: Python without an installation. CPython compiled to WebAssembly (Pyodide) runs in Deno processes
 * that may read its own files and nothing else; a program that does not end is killed with its process.
 */
import { createHash } from "node:crypto";
import { cacheDir } from "../cache_dir.ts";
import { keepFile } from "../folder.ts";
import { Refusal } from "../refusal.ts";
import { within } from "../within.ts";
import {
  type Availability,
  type Executor,
  type Job,
  lastLine,
  outOfMemory,
  type Status,
  type Verdict,
} from "./executor.ts";
import {
  type Command,
  confinedDeno,
  endHost,
  type Host,
  killed,
  packageFolder,
  spawned,
  startHost,
} from "./process.ts";
import { pythonRequest } from "./python_request.ts";

/** Version of the npm package `pyodide`. */
const PYODIDE_VERSION = "314.0.7";

/** Time for a cold start on a busy machine. */
const START_MS = 120_000;

/** Time between the interrupt and the kill. */
const GRACE_MS = 500;

/** Python's memory; beyond it Python raises MemoryError. */
const MEMORY_MB = 512;

const V8_FLAGS = [
  `--wasm-max-mem-pages=${MEMORY_MB * 16}`,
  "--disallow-code-generation-from-strings",
];

const HOST = new URL("./pyodide_host.ts", import.meta.url);

/** What the process says of a job. */
interface Report {
  readonly ended?: boolean;
  readonly message?: string;
  readonly result?: string;
  readonly fatal?: boolean;
  readonly late?: boolean;
}

/** Options of the executor. */
export interface PyodideOptions {
  /** Processes at work at once, each of about 330 MB. */
  readonly workers?: number;
  /** Folder for the memory snapshot that makes starts fast; null for none. */
  readonly cache?: string | null;
}

/** Runs Python programs, several at once; close it when done. */
export class PyodideExecutor implements Executor {
  readonly id = "pyodide";
  readonly #version = `pyodide ${PYODIDE_VERSION}`;
  readonly #idle: Slot[];
  #found: Promise<Availability> | undefined;
  readonly #waiting: ((slot: Slot) => void)[] = [];
  readonly #slots: readonly Slot[];

  constructor({ workers = 2, cache = cacheDir() ?? null }: PyodideOptions = {}) {
    let snapshot: Promise<string | undefined> | undefined;
    const from = () => snapshot ??= findSnapshot(cache);
    this.#slots = Array.from({ length: workers }, () => new Slot(from));
    this.#idle = [...this.#slots];
  }

  available(): Promise<Availability> {
    return this.#found ??= this.#probe();
  }

  async #probe(): Promise<Availability> {
    const job: Job = {
      language: "python",
      files: { "main.py": "" },
      entry: "main.py",
      timeoutMs: START_MS,
    };
    try {
      await this.run(job);
      return { ok: true, version: this.#version };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { ok: false, why: error.message };
    }
  }

  async run(job: Job): Promise<Verdict> {
    const slot = this.#idle.pop() ?? await new Promise<Slot>((done) => this.#waiting.push(done));
    try {
      return { ...await slot.run(job), executor: this.#version };
    } finally {
      const next = this.#waiting.shift();
      if (next) next(slot);
      else this.#idle.push(slot);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.close()));
  }
}

/** A place for one process: starts it when needed, again after it was killed. */
class Slot {
  #host: Promise<Host> | undefined;

  constructor(private readonly snapshot: () => Promise<string | undefined>) {}

  async run(job: Job): Promise<Omit<Verdict, "executor">> {
    const host = await (this.#host ??= this.#start());
    const request = {
      // Python never holds the secret here: whether the run came to its end is seen from outside.
      job: pythonRequest(job, ""),
      timeoutMs: job.timeoutMs,
      stepMs: job.stepMs,
    };
    await host.writer.write(new TextEncoder().encode(`${JSON.stringify(request)}\n`));
    const report = await this.#answer(host, job);
    if (report.fatal) await this.close();
    return verdictOf(report, job);
  }

  async #answer(host: Host, job: Job): Promise<Report> {
    let limit = job.timeoutMs + GRACE_MS;
    let late = false;
    while (true) {
      const next = await within(host.lines.next(), limit);
      if (next === undefined) return { late: true, fatal: true };
      if (next.done) return { late, message: "the interpreter died", fatal: true };
      const report: Report = JSON.parse(next.value);
      // The interrupt is out; the report itself follows, or never comes.
      if (!report.late || report.fatal !== undefined) return report;
      late = true;
      limit = GRACE_MS;
    }
  }

  async #start(): Promise<Host> {
    const snapshot = await this.snapshot();
    const host = await start(snapshot);
    if (host) return host;
    // A snapshot of another build: the cold start is slower and always works.
    const cold = snapshot && await start(undefined);
    if (cold) {
      await Deno.remove(snapshot).catch(() => {});
      return cold;
    }
    throw new Refusal(
      "Cannot start Python: its process did not become ready, expected npm:pyodide",
    );
  }

  async close(): Promise<void> {
    const host = await this.#host?.catch(() => undefined);
    this.#host = undefined;
    if (host) await endHost(host);
  }
}

function verdictOf(report: Report, { timeoutMs }: Job): Omit<Verdict, "executor"> {
  if (report.late) return { status: "timeout", message: `longer than ${timeoutMs / 1000} s` };
  const message = lastLine(report.message ?? "");
  if (report.ended) {
    return { status: "passed", message: "", result: parsed(report.result ?? "null") };
  }
  if (/^MemoryError/.test(message)) return outOfMemory(MEMORY_MB);
  const status: Status = report.fatal && !/Error|Exit/.test(message) ? "crash" : "failed";
  return { status, message };
}

/** A driver's result: our own JSON, unless a program reached it. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The process of pyodide_host.ts, whose arguments say what it starts from. */
async function pythonHost(args: string[]): Promise<Command> {
  const root = packageFolder(import.meta.resolve("pyodide"), ".");
  const snapshot = args.filter((arg) => arg !== "make");
  return await confinedDeno(HOST, {
    read: [
      ...[root, new URL(".", HOST)].map(({ pathname }) => decodeURIComponent(pathname)),
      ...snapshot,
    ],
    v8: V8_FLAGS,
    args: [root.href, ...args],
  });
}

/** Starts a process and waits until Python is up; undefined when it does not come up. */
async function start(snapshot: string | undefined): Promise<Host | undefined> {
  const host = startHost(await pythonHost(snapshot ? [snapshot] : []));
  const ready = await within(host.lines.next(), START_MS);
  if (ready?.value === '"ready"') return host;
  await endHost(host);
  return undefined;
}

/** The file of the memory snapshot, made on first use; undefined when there is no place for it. */
async function findSnapshot(cache: string | null): Promise<string | undefined> {
  if (cache === null) return undefined;
  const key = createHash("sha256").update(`${PYODIDE_VERSION} ${Deno.version.deno}`);
  for (const name of ["python/prelude.py", "pyodide_worker.ts"]) {
    key.update(await Deno.readFile(new URL(name, HOST)));
  }
  const path = `${cache}/pyodide/${key.digest("hex").slice(0, 16)}.snapshot`;
  try {
    const { size } = await Deno.stat(path);
    if (size > 0) return path;
  } catch {
    // Not made yet.
  }
  const child = spawned(await pythonHost(["make"]));
  const bytes = await within(new Response(child.stdout).bytes(), START_MS) ?? new Uint8Array();
  killed(child);
  await child.stdin.close().catch(() => {});
  await child.status;
  if (bytes.length === 0) return undefined;
  try {
    await keepFile(path, bytes);
    return path;
  } catch {
    return undefined;
  }
}
