/** A benchmark run: items, dialogues with the model, scores. */
import { copies } from "../sample.ts";
import { growingSha256 } from "../digest.ts";
import { evaluate } from "./evaluate.ts";
import type { Faults } from "../records/faults.ts";
import type { Rec } from "../records/record.ts";
import { select, type Shard, shardSize } from "../records/select.ts";
import { converse } from "./converse.ts";
import { Done, fingerprint } from "./resume.ts";
import { itemRecord, type ReadyTask, type ScoreTools, type Task } from "./task.ts";

/** What a run is made of. */
export interface Run {
  readonly tasks: readonly ReadyTask[];
  /** Items of each task. */
  readonly limit?: number;
  readonly shard?: Shard;
  /** Answers to each item. */
  readonly n?: number;
  /** Records that an earlier part of the run has scored. */
  readonly done?: Done;
  /** Ends when the user interrupts: records in hand are finished. */
  readonly signal?: AbortSignal;
  /** Adds `text` to records: the model in this process, or a server. */
  readonly generate: (records: AsyncIterable<Rec>) => AsyncIterable<Rec>;
  readonly taskOf: (name: string) => Task | undefined;
  readonly tools: ScoreTools;
  readonly faults: Faults;
}

/** Items of several tasks as records, `limit` of each. */
export async function* taskRecords(
  tasks: readonly Pick<ReadyTask, "task" | "data">[],
  { limit = Infinity }: { limit?: number } = {},
): AsyncGenerator<Rec> {
  for (const { task, data } of tasks) {
    let count = 0;
    for await (const item of task.items(data)) {
      if (count++ >= limit) break;
      yield itemRecord(task, item);
    }
  }
}

/** Scored records of a run, in the order of its items. */
export function runTasks(run: Run): AsyncIterable<Rec> {
  const { tasks, limit, shard, n = 1, done = new Done(), generate, taskOf, tools, faults } = run;
  async function* open(): AsyncGenerator<Rec> {
    // Shards and copies come before what is done is left out: they must not depend on it.
    const items = countRecords({ tasks, limit });
    const chosen = select(taskRecords(tasks, { limit }), { shard, items, n });
    for await (const rec of copies(chosen, n)) {
      if (run.signal?.aborted) return;
      if (done.wants(rec.id)) yield rec;
    }
  }
  const answered = converse(open(), { generate, taskOf, tools });
  return evaluate(answered, { taskOf, tools, faults });
}

/** Records that a run will see. */
export function countRecords(
  { tasks, limit = Infinity, shard, n = 1 }: Pick<Run, "tasks" | "limit" | "shard" | "n">,
): number {
  const total = tasks.reduce((sum, { items }) => sum + Math.min(limit, items), 0);
  return (shard ? shardSize(total, shard) : total) * n;
}

/** What decides a task's results beside the model, and a fingerprint of each item by id. */
export interface TaskIdentity {
  readonly identity: Readonly<Record<string, unknown>>;
  readonly items: ReadonlyMap<string, string>;
}

/** Identifies a task's data and prompts by reading them all, up to `limit`. */
export async function taskIdentity(
  { task, data }: ReadyTask,
  { limit = Infinity }: { limit?: number } = {},
): Promise<TaskIdentity> {
  const [docs, prompts] = [await growingSha256(), await growingSha256()];
  const items = new Map<string, string>();
  for await (const rec of taskRecords([{ task, data }], { limit })) {
    docs.add(`${JSON.stringify([rec.id, rec.get("doc")])}\n`);
    prompts.add(`${JSON.stringify(rec.get("messages"))}\n`);
    items.set(rec.id, await fingerprint(rec));
  }
  const identity = {
    form: data.source.form ?? null,
    sample: data.sample,
    data: docs.hex(),
    prompts: prompts.hex(),
    decode: task.decode ?? {},
    metric: task.metric,
  };
  return { identity, items };
}
