/** The report's reasoning benchmarks. */
import type { Task } from "../../lib/eval/task.ts";
import bbeh from "./bbeh.ts";
import bbh from "./bbh.ts";
import bbhZh from "./bbh_zh.ts";
import drop from "./drop.ts";
import hellaswag from "./hellaswag.ts";
import korbench from "./korbench.ts";
import musr from "./musr.ts";
import ocnli from "./ocnli.ts";
import piqa from "./piqa.ts";
import prontoqa from "./prontoqa.ts";
import squad2 from "./squad2.ts";
import zebralogic from "./zebralogic.ts";

/** In the order of the report's tables. */
export const REASONING: readonly Task[] = [
  squad2,
  drop,
  korbench,
  hellaswag,
  bbh,
  bbeh,
  bbhZh,
  musr,
  zebralogic,
  prontoqa,
  piqa,
  ocnli,
];
