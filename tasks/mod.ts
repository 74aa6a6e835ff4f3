/** All benchmarks, in the report's order of dimensions. */
import type { Task } from "../lib/eval/task.ts";
import { nanoAgent, nanoCoding, nanoKnowledge, nanoMath, nanoReasoning } from "./nano/mod.ts";

/** Every benchmark. */
export const TASKS: readonly Task[] = [
  nanoKnowledge,
  nanoReasoning,
  nanoCoding,
  nanoMath,
  nanoAgent,
] as unknown as Task[];

/** Names that stand for several tasks. */
export const TASK_GROUPS: Readonly<Record<string, readonly string[]>> = {
  nano: TASKS.filter(({ name }) => name.startsWith("nano_")).map(({ name }) => name),
};

/** The benchmark of a name. */
export function taskOf(name: string): Task | undefined {
  return TASKS.find((task) => task.name === name);
}
