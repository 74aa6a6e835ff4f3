/** What both executors of Python ask of python/runner.py. */
import type { Job } from "./executor.ts";

/** A Python job as python/runner.py reads it; the runner says `secret` when the run reached its end. */
export function pythonRequest(job: Job, secret: string): string {
  const { files, entry, check = "", checkAs, data = null, guard = false, stdin = "" } = job;
  const driver = checkAs === "driver";
  return JSON.stringify({ files, entry, check, driver, data, guard, stdin, secret });
}
