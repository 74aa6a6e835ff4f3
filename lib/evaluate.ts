/** The eval stage: scores any record with `task`, `doc` and `text`. */
import type { Executor } from "./eval/executor.ts";
import { docOf, type ScoreTools, type Task } from "./eval/task.ts";
import { eachRecord, Faults } from "./records/faults.ts";
import { type Rec, stringOf, wrong } from "./records/record.ts";
import { Refusal } from "./refusal.ts";

/** Options of `evaluate`. */
export interface EvaluateOptions {
  /** Finds a benchmark by name. */
  readonly taskOf: (name: string) => Task | undefined;
  /** Executors that scorers use. */
  readonly tools: ScoreTools;
  /** What happens to records that cannot be scored. */
  readonly faults?: Faults;
}

/** Adds `metrics` to each record, and `flags` that say why a score is low. */
export function evaluate(
  records: AsyncIterable<Rec>,
  { taskOf, tools, faults = new Faults() }: EvaluateOptions,
): AsyncIterable<Rec> {
  const seen = new Map<string, string>();
  return eachRecord(records, {
    stage: "eval",
    faults,
    step: async (rec) => {
      const before = seen.get(rec.id);
      if (before !== undefined) {
        throw new Refusal(
          `Cannot score id "${rec.id}": it stands at ${before} and at ${rec.where}, expected once`,
        );
      }
      seen.set(rec.id, rec.where);
      const name = stringOf(rec, "task");
      const task = taskOf(name);
      if (!task) throw wrong(rec, `field "task" is "${name}", expected a known benchmark`);
      const { metrics, unparsed, timeout } = await task.score(
        stringOf(rec, "text"),
        docOf(rec),
        tools,
      );
      for (const [metric, value] of Object.entries(metrics)) {
        if (!Number.isFinite(value)) {
          throw wrong(rec, `metric "${metric}" is ${value}, expected a number`);
        }
      }
      rec.set("metrics", metrics);
      const flags = [...(unparsed ? ["unparsed"] : []), ...(timeout ? ["timeout"] : [])];
      if (flags.length > 0) rec.set("flags", flags);
    },
  });
}

/** Scoring tools that start Python when a task first needs it. */
export class Tools implements ScoreTools {
  #python: Executor | undefined;

  constructor(private readonly make: () => Executor) {}

  python(): Executor {
    return this.#python ??= this.make();
  }

  async close(): Promise<void> {
    await this.#python?.close();
  }
}
