/**
 * A benchmark run: items to records, generation, scores, and files that grow item by item. Killed at any
 * byte, the same run goes on where it was and ends with the same bytes.
 */
import { Rec } from "../records/record.ts";
import { itemFields, type Task } from "./task.ts";
import { wilson } from "./stats.ts";

/** One task's figures. */
export interface TaskResult {
  metric: string;
  score: number | null;
  interval: [number, number] | null;
  items: number;
  unparsed: number;
  cut: number;
  timeouts: number;
  errors: number;
  tokens_per_forward: number | null;
}

/** Items of several tasks as records, `limit` of each, without those already done. */
export function* taskRecords(
  tasks: readonly Task[],
  { limit = Infinity, skip = new Set() }: { limit?: number; skip?: ReadonlySet<string> } = {},
): Generator<Rec> {
  for (const task of tasks) {
    let count = 0;
    for (const item of task.items()) {
      if (count++ >= limit) break;
      if (!skip.has(item.id)) yield Rec.from(itemFields(task, item), item.id);
    }
  }
}

/** Adds up scored records. */
export class Tally {
  readonly #sums = new Map<
    string,
    TaskResult & { sum: number; tokens: number; forwards: number }
  >();

  constructor(readonly metricOf: (task: string) => string) {}

  /** Counts one scored record. */
  add(rec: Rec): void {
    const task = String(rec.get("task"));
    let entry = this.#sums.get(task);
    if (!entry) {
      const metric = this.metricOf(task);
      entry = {
        metric,
        score: null,
        interval: null,
        items: 0,
        unparsed: 0,
        cut: 0,
        timeouts: 0,
        errors: 0,
        tokens_per_forward: null,
        sum: 0,
        tokens: 0,
        forwards: 0,
      };
      this.#sums.set(task, entry);
    }
    if (rec.has("error")) {
      entry.errors++;
      return;
    }
    const metrics = rec.get("metrics") as Record<string, number>;
    const usage = rec.get("usage") as Record<string, number> | undefined;
    const output = rec.get("output") as { finish_reason?: string } | undefined;
    entry.items++;
    entry.sum += metrics[entry.metric] ?? 0;
    entry.tokens += usage?.completion_tokens ?? 0;
    entry.forwards += usage?.forwards ?? 0;
    if (output?.finish_reason === "length") entry.cut++;
    const flags = rec.get("flags") as string[] | undefined;
    if (flags?.includes("unparsed")) entry.unparsed++;
    if (flags?.includes("timeout")) entry.timeouts++;
  }

  /** Items scored so far. */
  get items(): number {
    return [...this.#sums.values()].reduce((sum, { items }) => sum + items, 0);
  }

  /** Results by task, in the order in which tasks came. */
  results(): Record<string, TaskResult> {
    return Object.fromEntries(
      Array.from(this.#sums, ([name, { sum, tokens, forwards, ...rest }]) => {
        const score = rest.items > 0 ? sum / rest.items : null;
        return [name, {
          ...rest,
          score,
          interval: score === null ? null : wilson(score, rest.items),
          tokens_per_forward: forwards > 0 ? tokens / forwards : null,
        }];
      }),
    );
  }
}

/** Mean of the tasks' headline scores; undefined when nothing was scored. */
export function meanScore(results: Readonly<Record<string, TaskResult>>): number | undefined {
  const scores = Object.values(results).flatMap(({ score }) => score === null ? [] : [score]);
  if (scores.length === 0) return undefined;
  return scores.reduce((sum, score) => sum + score, 0) / scores.length;
}

/** The table for people. */
export function resultTable(
  results: Readonly<Record<string, TaskResult>>,
  seconds: Readonly<Record<string, number>> = {},
): string {
  const percent = (value: number) => (100 * value).toFixed(1);
  const rows = Object.entries(results).map(([name, result]) => [
    name,
    String(result.items),
    result.score === null ? "-" : percent(result.score),
    result.interval === null ? "-" : result.interval.map(percent).join(" to "),
    result.tokens_per_forward?.toFixed(2) ?? "-",
    seconds[name] === undefined ? "-" : seconds[name].toFixed(1),
    whyLow(result),
  ]);
  const mean = meanScore(results);
  if (rows.length > 1 && mean !== undefined) {
    rows.push(["mean", "", percent(mean), "", "", "", ""]);
  }
  const head = ["task", "items", "score", "95% interval", "tok/fwd", "seconds", "of which"];
  const widths = head.map((title, i) =>
    Math.max(title.length, ...rows.map((row) => row[i].length))
  );
  const line = (cells: string[]) =>
    cells.map((cell, i) => i === 0 || i === 6 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))
      .join("  ").trimEnd();
  return [line(head), ...rows.map(line)].join("\n");
}

function whyLow({ unparsed, cut, timeouts, errors, items }: TaskResult): string {
  const parts = [[unparsed, "unparsed"], [cut, "cut at length"], [timeouts, "timeouts"], [
    errors,
    "errors",
  ]].filter(([count]) => (count as number) > 0).map(([count, what]) => `${count} ${what}`);
  if (items > 0 && unparsed === items) parts.push("(always unparsed)");
  return parts.join(", ");
}
