/** Chooses who runs a job, and starts nothing before it is needed. */
import type { Executor, Job, Verdict } from "./executor.ts";
import { PyodideExecutor, type PyodideOptions } from "./pyodide.ts";

/** Options of `Executors`. */
export type ExecutorOptions = PyodideOptions;

/** What scorers run programs with. */
export interface CodeRunner {
  /** Runs one job by whichever executor suits it. */
  run(job: Job): Promise<Verdict>;
}

/** All executors of a process; close it when done. */
export class Executors implements CodeRunner {
  #pyodide: PyodideExecutor | undefined;

  constructor(private readonly options: ExecutorOptions = {}) {}

  async run(job: Job): Promise<Verdict> {
    return await this.#find(job).run(job);
  }

  async close(): Promise<void> {
    await this.#pyodide?.close();
  }

  #find({ language }: Job): Executor {
    if (language !== "python") throw new RangeError(`no executor for ${language}`);
    return this.#pyodide ??= new PyodideExecutor(this.options);
  }
}
