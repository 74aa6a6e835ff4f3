/** The eval stage: scores any record with `task`, `doc` and `text` (or the `outputs` of a dialogue). */
import type { CodeRunner } from "../exec/executors.ts";
import { SeenIds } from "./seen_ids.ts";
import {
  docOf,
  type Judge,
  type Output,
  outputsOf,
  type Score,
  type ScoreTools,
  type Task,
} from "./task.ts";
import { eachRecord, Faults } from "../records/faults.ts";
import { type Rec, stringOf, wrong } from "../records/record.ts";
import { Refusal } from "../refusal.ts";
import { withoutThinking } from "./thinking.ts";

/** Options of `evaluate`. */
export interface EvaluateOptions {
  /** Finds a benchmark by name. */
  readonly taskOf: (name: string) => Task | undefined;
  /** What scorers may use: programs, a judge. */
  readonly tools: ScoreTools;
  /** What happens to records that cannot be scored. */
  readonly faults?: Faults;
}

/** Longest extracted answer that a record keeps. */
const MAX_EXTRACTED = 200;

/** Adds `metrics` (or `not_run`) to each record, and `flags` that say why a score is low. */
export function evaluate(
  records: AsyncIterable<Rec>,
  { taskOf, tools, faults = new Faults() }: EvaluateOptions,
): AsyncIterable<Rec> {
  const seen = new SeenIds();
  return eachRecord(records, {
    stage: "eval",
    faults,
    step: async (rec) => {
      const before = seen.add(rec.id, rec.where);
      if (before !== undefined) {
        throw new Refusal(
          `Cannot score id "${rec.id}": it stands at ${before} and at ${rec.where}, expected once`,
        );
      }
      const name = stringOf(rec, "task");
      const task = taskOf(name);
      if (!task) throw wrong(rec, `field "task" is "${name}", expected a known benchmark`);
      const outputs = outputsOf(rec).map((output) =>
        typeof output === "string" ? withoutThinking(output) : output.map(withoutThinking)
      );
      write(rec, await score(rec, { task, outputs, tools }));
    },
  });
}

/** A scorer that throws is a fault of that record: it is named, and the run is incomplete. */
async function score(
  rec: Rec,
  { task, outputs, tools }: { task: Task; outputs: Output[]; tools: ScoreTools },
): Promise<Score> {
  const doc = docOf(rec);
  try {
    return await task.score(outputs.flat().at(-1) ?? "", doc, tools, outputs);
  } catch (cause) {
    if (cause instanceof Refusal) throw cause;
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new Refusal(
      `Cannot score record "${rec.id}" (${rec.where}) with ${task.name}: ${message}, expected a score`,
      { cause },
    );
  }
}

function write(rec: Rec, score: Score): void {
  const { metrics, unparsed, timeout, not_run, extracted, executor } = score;
  if (not_run !== undefined) {
    rec.set("not_run", not_run);
    return;
  }
  for (const [metric, value] of Object.entries(metrics)) {
    if (!Number.isFinite(value)) {
      throw wrong(rec, `metric "${metric}" is ${value}, expected a number`);
    }
  }
  rec.set("metrics", metrics);
  const flags = (rec.get("flags") ?? []) as string[];
  if (unparsed) flags.push("unparsed");
  if (timeout) flags.push("timeout");
  if (flags.length > 0) rec.set("flags", [...flags]);
  if (executor !== undefined) rec.set("executor", executor);
  if (typeof extracted === "string") rec.set("extracted", extracted.slice(0, MAX_EXTRACTED));
}

/** Scoring tools; closing them ends the programs' processes. */
export class Tools implements ScoreTools {
  constructor(
    readonly code: CodeRunner & { close(): Promise<void> },
    readonly judge?: Judge,
    readonly dataDir?: string,
  ) {}

  async close(): Promise<void> {
    await this.code.close();
  }
}
