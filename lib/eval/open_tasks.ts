/** Edge: finds the data of benchmarks. */
import { openSource } from "../data/open.ts";
import type { OpenedSource, OpenOptions, Source } from "../data/source.ts";
import { Refusal } from "../refusal.ts";
import { checkShots, type ReadyTask, sourcesOf, type Task } from "./task.ts";
import { baseName } from "./variants.ts";

/** Benchmarks that can run, and why others cannot. */
export interface OpenedTasks {
  /** All of them, as they were asked for. */
  readonly asked: readonly Task[];
  readonly ready: readonly ReadyTask[];
  readonly missing: readonly { readonly task: Task; readonly reason: string }[];
}

/** What `openTasks` may use. */
export interface OpenTasksOptions extends OpenOptions {
  /** Why programs of a task cannot run here, where its answers are to be scored. */
  readonly sandboxRefusal?: (task: string) => Promise<Refusal | undefined>;
}

/** Opens the data of each benchmark. One alone refuses when its data is missing; one of several is left out. */
export async function openTasks(
  tasks: readonly Task[],
  options: OpenTasksOptions,
): Promise<OpenedTasks> {
  const ready: ReadyTask[] = [];
  const missing: { task: Task; reason: string }[] = [];
  for (const task of tasks) {
    const sources = sourcesOf(task);
    const generated = sources[0].files.length === 0;
    try {
      const refusal = task.sandbox && await options.sandboxRefusal?.(task.name);
      if (refusal) throw refusal;
      const data = generated
        ? generatedSource(sources[0])
        : await openSource(baseName(task), sources, options);
      ready.push({ task, data, ...await extent(task, data) });
    } catch (error) {
      if (!(error instanceof Refusal) || tasks.length === 1) throw error;
      missing.push({ task, reason: error.message });
    }
  }
  return { asked: tasks, ready, missing };
}

/** How many items there are, counted where the files alone do not tell. The first one shows that they can be read. */
async function extent(
  task: Task,
  data: OpenedSource,
): Promise<{ items: number; sample: boolean }> {
  const published = sourcesOf(task)[0].items;
  const { files, items: declared } = data.source;
  const told = !data.sample &&
    data.files.every(({ name }) =>
      files.some((file) => file.name === name && file.rows !== undefined)
    );
  let items = 0;
  for await (const item of task.items(data)) {
    checkShots(task, item);
    items++;
    if (told) return { items: declared, sample: declared < published };
  }
  if (!data.sample && items > declared) {
    const { where } = data.files[0];
    throw new Refusal(
      `Cannot use "${where}" for ${task.name}: its data has ${items} items, expected ${declared}`,
    );
  }
  return { items, sample: data.sample || items < published };
}

/** A benchmark that makes its own rows. */
function generatedSource(source: Source): OpenedSource {
  const nothing = () => ReadableStream.from<never>([]);
  return { source, sample: false, files: [], file: () => undefined, rows: nothing };
}
