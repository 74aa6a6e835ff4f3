/** Running model-written code: what a job is, what can come of it, and who runs it. */

/** Languages that programs come in. */
export type Language =
  | "python"
  | "js"
  | "ts"
  | "cpp"
  | "java"
  | "cs"
  | "php"
  | "sh"
  | "go"
  | "rs"
  | "sql";

/** One program to run. Jobs never have a network. */
export interface Job {
  /** What runs it. */
  readonly language: Language;
  /** Files by relative path, put into the job's folder. */
  readonly files: Readonly<Record<string, string>>;
  /** The program among `files`. */
  readonly entry: string;
  /** What the program must survive; reached its end, the runner says the job's secret. */
  readonly check?: string;
  /**
   * Python only. Default: `check` runs after the program, in its names. "driver": `check` is trusted
   * code that defines `steps(program, data)` (see python/runner.py) and may return a result as JSON text.
   */
  readonly checkAs?: "asserts" | "driver";
  /** For a driver: out of the program's sight. */
  readonly data?: unknown;
  /** Python only: take away what the official harnesses take away (os.system, exit, ...). */
  readonly guard?: boolean;
  /** Python only: libraries beside the standard one, with the room and the /proc that they need. */
  readonly libraries?: boolean;
  /** Compiler flags, split at blanks. */
  readonly flags?: string;
  /** JavaScript only: a program that prints anything fails. */
  readonly silent?: boolean;
  /** What the program reads from stdin; empty when absent. */
  readonly stdin?: string;
  /** Wall time of the whole job. */
  readonly timeoutMs: number;
  /** Wall time of one step of a driver. */
  readonly stepMs?: number;
  /** Address space of a process. */
  readonly memoryMb?: number;
  /** Processes and threads. */
  readonly processes?: number;
}

/** How a job ended. Only "passed" counts: the run reached its end and said the secret. */
export type Status =
  | "passed"
  | "failed"
  | "timeout"
  | "oom"
  | "crash"
  | "tool_missing";

/** What came of a job. */
export interface Verdict {
  /** How the job ended. */
  readonly status: Status;
  /** Why it did not pass, one line, cut. */
  readonly message: string;
  /** What a driver returned: JSON text of it, parsed. */
  readonly result?: unknown;
  /** Name and version of the executor: pass rates of two are not assumed equal. */
  readonly executor: string;
}

/** Whether an executor can run here. */
export type Availability =
  | { readonly ok: true; readonly version: string }
  | { readonly ok: false; readonly why: string; readonly sandbox?: boolean };

/** Runs programs in processes that can be killed; never throws for what a program does. */
export interface Executor {
  /** `pyodide`, `cpython`, `js`, `sqlite` or `toolchain:<language>`. */
  readonly id: string;
  /** Tries a real run, once. */
  available(): Promise<Availability>;
  /** Runs one job to its end or its limits. */
  run(job: Job): Promise<Verdict>;
  /** Ends the processes it started. */
  close(): Promise<void>;
}

/** What came of a program that wanted more memory than it may have. */
export function outOfMemory(limitMb: number): Pick<Verdict, "status" | "message"> {
  return { status: "oom", message: `out of memory at ${limitMb} MiB` };
}

/** Program output fit for a record: valid, bounded, without control characters. */
export function tail(text: string, length = 2000): string {
  return text.slice(-length)
    .replace(
      /[^\P{Cc}\t\n]/gu,
      (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`,
    )
    .toWellFormed();
}

/** The last line that is not blank: where Python, compilers and runtimes say what went wrong. */
export function lastLine(text: string): string {
  return tail(text.trimEnd().split("\n").at(-1) ?? "", 500);
}
