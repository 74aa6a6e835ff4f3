/** Running model-written code: what a job is, and what can come of it. */

/** One program to run. */
export interface Job {
  /** The program, tests included. */
  readonly code: string;
  /** Milliseconds it may take. */
  readonly timeoutMs: number;
}

/** What came of a job. Only "passed" counts: the run reached its end and said the secret. */
export interface Verdict {
  /** How the run ended. */
  readonly status: "passed" | "failed" | "timeout" | "crash";
  /** The program's last words, cut. */
  readonly message: string;
}

/** Runs programs in processes that can be killed; never throws for what a program does. */
export interface Executor {
  /** Name and version, recorded with results. */
  readonly id: string;
  /** Runs one program to its end or its time limit. */
  run(job: Job): Promise<Verdict>;
  /** Ends the processes it started. */
  close(): Promise<void>;
}
