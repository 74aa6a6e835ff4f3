/** Benchmarks by the names on the command line. */
import type { Task } from "../lib/eval/task.ts";
import { TASK_GROUPS, taskOf, TASKS, VARIANTS } from "../tasks/mod.ts";
import { usage } from "./parse.ts";
import { nearest } from "../lib/suggest.ts";

/** Tasks of names and groups, each once; an unknown name refuses with the nearest one. */
export function findTasks(names: readonly string[]): Task[] {
  const wanted = new Set(names.flatMap(groupOf));
  return [...wanted].map((name) => {
    const task = taskOf(name);
    if (task) return task;
    // The way of lm-evaluation-harness.
    if (name.includes(",")) {
      throw usage(`Cannot find task "${name}": it has a comma, expected blanks between names`);
    }
    // Other commands take files.
    if (/\.jsonl?$/.test(name)) {
      throw usage(
        `Cannot find task "${name}": it is named like a file, expected a task (records to score come on stdin)`,
      );
    }
    if (name.includes("/")) {
      throw usage(
        `Cannot find task "${name}": it is named like a folder, expected a task ("unmask eval diff" compares runs)`,
      );
    }
    const names = [...TASKS, ...VARIANTS].map((task) => task.name);
    const near = nearest(name, [...names, ...Object.keys(TASK_GROUPS)]);
    const hint = near ? `did you mean "${near}"?` : 'see "unmask tasks"';
    throw usage(`Cannot find task "${name}": unknown, ${hint}`);
  });
}

function groupOf(name: string): readonly string[] {
  return Object.hasOwn(TASK_GROUPS, name) ? TASK_GROUPS[name] : [name];
}
