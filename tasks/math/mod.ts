/** The report's mathematics benchmarks. */
import type { Task } from "../../lib/eval/task.ts";
import aime2025 from "./aime2025.ts";
import cmath from "./cmath.ts";
import gsm8k from "./gsm8k.ts";
import gsmPlus from "./gsm_plus.ts";
import hardmath2 from "./hardmath2.ts";
import math from "./math.ts";
import olympiadbench from "./olympiadbench.ts";
import omniMath from "./omni_math.ts";

/** In the order of the report's tables. */
export const MATH: readonly Task[] = [
  gsm8k,
  math,
  olympiadbench,
  aime2025,
  hardmath2,
  omniMath,
  gsmPlus,
  cmath,
];
