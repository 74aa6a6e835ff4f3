/** Programs judged by Python unit tests. */
import type { Job } from "../../exec/executor.ts";
import type { RunOptions } from "../../exec/executors.ts";
import type { Score, ScoreTools } from "../task.ts";
import driver from "./python/unittests.py" with { type: "text" };
import { scoreOf } from "./verdict.ts";

/** What the driver needs: a test text for the program's own module, or null to discover test files. */
export interface UnitTests {
  readonly test: unknown;
  /** Modules without which the item cannot be judged here. */
  readonly libraries: readonly string[];
}

/** Runs the tests; `output` is what the test runner said. */
export async function runUnitTests(
  job: Job,
  { tools, data, ...options }: RunOptions & { tools: ScoreTools; data: UnitTests },
): Promise<{ score: Score; output: string }> {
  const verdict = await tools.code.run({ ...job, check: driver, checkAs: "driver", data }, options);
  const result = verdict.result as
    | { passed?: boolean; output?: string; missing?: string[] }
    | null
    | undefined;
  if (result?.missing) {
    const why = `needs the Python libraries ${result.missing.join(", ")}`;
    return { score: { metrics: {}, not_run: why }, output: "" };
  }
  const passed = verdict.status === "passed" && result?.passed === true;
  const score = scoreOf(
    verdict.status === "passed" && !passed ? { ...verdict, status: "failed" } : verdict,
  );
  return { score, output: result?.output ?? verdict.message };
}
