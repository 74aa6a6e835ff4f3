/** Saved outputs, to be scored again. */
import { Rec } from "../records/record.ts";
import { Refusal } from "../refusal.ts";
import { taskRecords } from "./harness.ts";
import type { ReadyTask } from "./task.ts";

/** What scoring adds. */
const SCORED = new Set(["metrics", "flags", "not_run", "extracted", "error"]);

/**
 * Records of a run without their scores. With benchmarks named, the file must hold an answer to each of
 * their items, once, and nothing else.
 */
export async function* unscored(
  read: () => AsyncIterable<Rec>,
  { file, tasks, limit }: { file: string; tasks: readonly ReadyTask[]; limit?: number },
): AsyncGenerator<Rec> {
  if (tasks.length > 0) await checkIds(read(), { file, tasks, limit });
  for await (const rec of read()) {
    const fields = rec.entries().filter(([name]) => !SCORED.has(name));
    yield Rec.from({ id: rec.id, ...Object.fromEntries(fields) }, rec.where);
  }
}

async function checkIds(
  records: AsyncIterable<Rec>,
  { file, tasks, limit }: { file: string; tasks: readonly ReadyTask[]; limit?: number },
): Promise<void> {
  const wanted = new Set<string>();
  for await (const rec of taskRecords(tasks, { limit })) wanted.add(rec.id);
  const items = wanted.size;
  const counts = { missing: 0, extra: 0, double: 0 };
  const seen = new Set<string>();
  for await (const { id } of records) {
    if (seen.has(id)) counts.double++;
    else if (!wanted.delete(id)) counts.extra++;
    seen.add(id);
  }
  counts.missing = wanted.size;
  const bad = Object.entries(counts).filter(([, count]) => count > 0);
  if (bad.length === 0) return;
  const found = bad.map(([what, count]) => `${count} ${what}`).join(", ");
  throw new Refusal(`Cannot score "${file}": ${found}, expected each of ${items} ids once`);
}
