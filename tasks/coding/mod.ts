/** The report's coding benchmarks. */
import type { Task } from "../../lib/eval/task.ts";
import aider from "./aider.ts";
import bigcodebenchFull from "./bigcodebench_full.ts";
import birdSql from "./bird_sql.ts";
import cruxevalO from "./cruxeval_o.ts";
import humaneval from "./humaneval.ts";
import humanevalCn from "./humaneval_cn.ts";
import humanevalPlus from "./humaneval_plus.ts";
import humanevalfix from "./humanevalfix.ts";
import livecodebench from "./livecodebench.ts";
import mbpp from "./mbpp.ts";
import mbppPlus from "./mbpp_plus.ts";
import multiplE from "./multipl_e.ts";
import spider from "./spider.ts";

/** In the order of the report's tables. */
export const CODING: readonly Task[] = [
  cruxevalO,
  mbpp,
  multiplE,
  humaneval,
  bigcodebenchFull,
  livecodebench,
  spider,
  birdSql,
  humanevalPlus,
  mbppPlus,
  humanevalfix,
  aider,
  humanevalCn,
];
