/** The report's agent and alignment benchmarks. */
import type { Task } from "../../lib/eval/task.ts";
import codeifBench from "./codeif_bench.ts";
import ifeval from "./ifeval.ts";

/** In the order of the report's tables. */
export const AGENT: readonly Task[] = [
  ifeval,
  codeifBench,
];
