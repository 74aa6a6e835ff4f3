/** The report's knowledge benchmarks. */
import type { Task } from "../../lib/eval/task.ts";
import arcC from "./arc_c.ts";
import ceval from "./ceval.ts";
import cmmlu from "./cmmlu.ts";
import gaokaoBench from "./gaokao_bench.ts";
import gpqaDiamond from "./gpqa_diamond.ts";
import mmlu from "./mmlu.ts";
import mmluPro from "./mmlu_pro.ts";
import phybench from "./phybench.ts";
import scibench from "./scibench.ts";
import triviaqa from "./triviaqa.ts";

/** In the order of the report's tables. */
export const KNOWLEDGE: readonly Task[] = [
  mmlu,
  mmluPro,
  gpqaDiamond,
  arcC,
  cmmlu,
  ceval,
  gaokaoBench,
  scibench,
  phybench,
  triviaqa,
];
