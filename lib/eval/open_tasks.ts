/** Edge: finds the data of benchmarks. */
import { dataFolder, openSource } from "../data/open.ts";
import type { OpenedSource, OpenOptions, Source } from "../data/source.ts";
import { Refusal } from "../refusal.ts";
import {
  checkShots,
  type Item,
  lackingFields,
  type ReadyTask,
  sourcesOf,
  type Task,
} from "./task.ts";
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
  await dataFolder(options); // a wrong one is no reason to leave benchmarks out
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

/** Items whose prompts are compared; more than ever share a prompt, as CodeIF's requirements of a task do. */
const FIRST = 20;

/** How many items there are, counted where the files alone do not tell. The first ones show that they can be read. */
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
  const where = data.files[0]?.where;
  const first: Item[] = [];
  let bare: Item | undefined; // without a field that its rule needs; told of behind what explains it
  let items = 0;
  for await (const item of task.items(data)) {
    checkShots(task, item);
    bare ??= lackingFields(task, item.doc) && item;
    items++;
    if (items > FIRST) continue;
    first.push(item);
    if (items < FIRST) continue;
    checkPrompts(task, where, first);
    if (told && bare === undefined) return { items: declared, sample: declared < published };
  }
  if (items === 0 && where !== undefined) {
    throw new Refusal(
      `Cannot use "${where}" for ${task.name}: none of its rows is an item, expected ${declared}`,
    );
  }
  if (!data.sample && items > declared) {
    throw new Refusal(
      `Cannot use "${where}" for ${task.name}: its data has ${items} items, expected ${declared}`,
    );
  }
  if (bare !== undefined) {
    const fields = lackingFields(task, bare.doc)!.map((name) => `"${name}"`).join(" or ");
    throw new Refusal(
      `Cannot use "${where}" for ${task.name}: item "${bare.id}" has nothing in field ${fields}, expected the published ones`,
    );
  }
  return { items, sample: data.sample || items < published };
}

/** Refuses rows of another layout: the prompt shows nothing of them, so that all are alike. */
function checkPrompts(task: Task, where: string | undefined, items: readonly Item[]): void {
  const prompts = new Set(
    items.map(({ doc, shots = [] }) => JSON.stringify(task.prompt(doc, { shots }))),
  );
  if (prompts.size > 1) return;
  const fields = Object.keys(items[0].doc).map((name) => JSON.stringify(name)).join(", ");
  throw new Refusal(
    `Cannot use "${where}" for ${task.name}: its prompt shows none of the fields ${fields}, expected the published ones`,
  );
}

/** A benchmark that makes its own rows. */
function generatedSource(source: Source): OpenedSource {
  const nothing = () => ReadableStream.from<never>([]);
  return { source, sample: false, files: [], file: () => undefined, rows: nothing };
}
