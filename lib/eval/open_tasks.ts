/** Edge: finds the data of benchmarks. */
import { openSource } from "../data/open.ts";
import type { OpenedSource, OpenOptions, Source } from "../data/source.ts";
import { Refusal } from "../refusal.ts";
import { type ReadyTask, sourcesOf, type Task } from "./task.ts";

/** Benchmarks that can run, and why others cannot. */
export interface OpenedTasks {
  readonly ready: readonly ReadyTask[];
  readonly missing: readonly { readonly task: Task; readonly reason: string }[];
}

/** Opens the data of each benchmark. One alone refuses when its data is missing; one of several is left out. */
export async function openTasks(
  tasks: readonly Task[],
  options: OpenOptions,
): Promise<OpenedTasks> {
  const ready: ReadyTask[] = [];
  const missing: { task: Task; reason: string }[] = [];
  for (const task of tasks) {
    const sources = sourcesOf(task);
    const generated = sources[0].files.length === 0;
    try {
      const data = generated
        ? generatedSource(sources[0])
        : await openSource(task.name, sources, options);
      ready.push({ task, data });
    } catch (error) {
      if (!(error instanceof Refusal) || tasks.length === 1) throw error;
      missing.push({ task, reason: error.message });
    }
  }
  return { ready, missing };
}

/** A benchmark that makes its own rows. */
function generatedSource(source: Source): OpenedSource {
  const nothing = () => ReadableStream.from<never>([]);
  return { source, sample: false, files: [], file: () => undefined, rows: nothing };
}
