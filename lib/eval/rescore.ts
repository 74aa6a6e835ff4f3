/** Saved outputs, to be scored again. */
import type { Rec } from "../records/record.ts";
import { Refusal } from "../refusal.ts";
import { taskRecords } from "./harness.ts";
import { originalOf } from "./tally.ts";
import type { ReadyTask } from "./task.ts";

/**
 * Records of a run as they are, to be scored again. With benchmarks named, the file must hold an answer to
 * each of their items, once, and nothing else.
 */
export async function* saved(
  read: () => AsyncIterable<Rec>,
  { file, tasks, limit, signal }: {
    file: string;
    tasks: readonly ReadyTask[];
    limit?: number;
    /** Ends when the user interrupts. */
    signal?: AbortSignal;
  },
): AsyncGenerator<Rec> {
  if (tasks.length > 0) await checkIds(read(), { file, tasks, limit });
  for await (const rec of read()) {
    if (signal?.aborted) return;
    yield rec;
  }
}

async function checkIds(
  records: AsyncIterable<Rec>,
  { file, tasks, limit }: { file: string; tasks: readonly ReadyTask[]; limit?: number },
): Promise<void> {
  const wanted = new Set<string>();
  for await (const rec of taskRecords(tasks, { limit })) wanted.add(rec.id);
  const items = wanted.size;
  const missing = new Set(wanted);
  const counts = { missing: 0, extra: 0, double: 0 };
  const seen = new Set<string>();
  for await (const { id } of records) {
    const item = wanted.has(id) ? id : originalOf(id);
    if (seen.has(id)) counts.double++;
    else if (!wanted.has(item)) counts.extra++;
    missing.delete(item);
    seen.add(id);
  }
  counts.missing = missing.size;
  const bad = Object.entries(counts).filter(([, count]) => count > 0);
  if (bad.length === 0) return;
  const found = bad.map(([what, count]) => `${count} ${what}`).join(", ");
  throw new Refusal(`Cannot score "${file}": ${found}, expected each of ${items} ids once`);
}
