/** All benchmarks, in the report's order of dimensions. */
import type { Task } from "../lib/eval/task.ts";
import { variantsOf } from "../lib/eval/variants.ts";
import { AGENT } from "./agent/mod.ts";
import { CODING } from "./coding/mod.ts";
import { KNOWLEDGE } from "./knowledge/mod.ts";
import { MATH } from "./math/mod.ts";
import { REASONING } from "./reasoning/mod.ts";
import { nanoAgent, nanoCoding, nanoKnowledge, nanoMath, nanoReasoning } from "./nano/mod.ts";

const NANO = [nanoKnowledge, nanoReasoning, nanoCoding, nanoMath, nanoAgent];

/** Benchmarks of the report, in the order of its tables. */
export const REPORT_TASKS: readonly Task[] = [
  ...KNOWLEDGE,
  ...REASONING,
  ...CODING,
  ...MATH,
  ...AGENT,
];

/** Every benchmark. */
export const TASKS: readonly Task[] = [...NANO, ...REPORT_TASKS];

/**
 * Names that stand for several tasks: the embedded model's, and the report's dimensions. `math` is the
 * benchmark of that name.
 */
export const TASK_GROUPS: Readonly<Record<string, readonly string[]>> = {
  nano: NANO.map(({ name }) => name),
  report: REPORT_TASKS.map(({ name }) => name),
  ...Object.fromEntries(
    [...new Set(REPORT_TASKS.map(({ group }) => group))].map((group) => [
      group === "math" ? "mathematics" : group,
      REPORT_TASKS.filter((task) => task.group === group).map(({ name }) => name),
    ]),
  ),
};

/** Other published forms of the benchmarks. */
export const VARIANTS: readonly Task[] = TASKS.flatMap(variantsOf);

const BY_NAME: ReadonlyMap<string, Task> = new Map(
  [...TASKS, ...VARIANTS].map((task) => [task.name, task]),
);

/** The benchmark, or the variant of one, of a name. */
export function taskOf(name: string): Task | undefined {
  return BY_NAME.get(name);
}
