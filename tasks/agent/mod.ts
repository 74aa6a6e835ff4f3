/** The report's agent and alignment benchmarks. */
import type { Task } from "../../lib/eval/task.ts";
import bfclV3 from "./bfcl_v3.ts";
import codeifBench from "./codeif_bench.ts";
import ifeval from "./ifeval.ts";
import nexus from "./nexus.ts";

/** In the order of the report's tables. */
export const AGENT: readonly Task[] = [
  bfclV3,
  ifeval,
  codeifBench,
  nexus,
];
