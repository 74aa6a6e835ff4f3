/** Other published forms of a benchmark: `mmlu:5shot` is MMLU with some fields changed. */
import type { Task } from "./task.ts";

/** The benchmarks that a benchmark's variants are. */
export function variantsOf(task: Task): Task[] {
  return Object.entries(task.variants ?? {}).map(([variant, changes]) => {
    const name = `${task.name}:${variant}`;
    const { variants: _, ...base } = { ...task, ...changes };
    return {
      ...base,
      ...(changes.metric ? { score: explainingNothing(base.score) } : {}),
      name,
      title: `${task.title} (${changes.summary})`,
      async *items(data) {
        // Ids are unique among all benchmarks.
        for await (const item of base.items(data)) {
          yield { ...item, id: `${name}${item.id.slice(task.name.length)}` };
        }
      },
    };
  });
}

/** What a scorer says beside its metrics is of its own headline metric, which is another one here. */
function explainingNothing(score: Task["score"]): Task["score"] {
  return async (...args) => {
    const { unparsed: _, extracted: __, ...rest } = await score(...args);
    return rest;
  };
}

/** Name of the benchmark that a task is, or is a variant of: its data folder. */
export function baseName({ name }: Pick<Task, "name">): string {
  return name.split(":")[0];
}
