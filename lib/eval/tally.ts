/** Adds up scored records: per task the score with its interval, its parts, and why it is low. */
import type { Rec } from "../records/record.ts";
import { bootstrap, combine, meanOf, wilson } from "./stats.ts";
import type { Doc, Group, PartScore, Task } from "./task.ts";

/** One task's figures; scores are on 0..1. */
export interface TaskResult {
  metric: string;
  score: number | null;
  interval: [number, number] | null;
  items: number;
  /** Items that could not be scored, by reason; they are in no score. */
  not_run: Record<string, number>;
  /** Mean over items of every metric, in the metric's own units, and the task's other summaries. */
  metrics: Record<string, number>;
  /** Scores of the named parts. */
  parts: Record<string, Record<string, PartScore>>;
  /** Why items lost: no answer found, cut at the length limit, out of time, or just wrong. */
  unparsed: number;
  cut: number;
  timeouts: number;
  wrong: number;
  /** Records that failed (`--on-error`). */
  errors: number;
  tokens_per_forward: number | null;
  /** Items, mean confidence of their tokens and mean score in ten bins of confidence. */
  calibration: Calibration[];
  /** A sample stood in for the original data. */
  sample: boolean;
  /** Decode options of its records, as they were resolved. */
  decode: Readonly<Record<string, unknown>> | null;
}

/** One bin of confidence. */
export interface Calibration {
  readonly confidence: number;
  readonly score: number;
  readonly items: number;
}

/** A run's figures. */
export interface Results {
  readonly tasks: Record<string, TaskResult>;
  /** Mean of the tasks' scores in each dimension of the report. */
  readonly groups: Partial<Record<Group, { score: number; tasks: number }>>;
  /** Mean of all tasks' scores; tasks that were not run are not in it. */
  readonly mean: number | null;
}

const BINS = 10;

/** Adds up records in any order, and gives the same figures for each. */
export class Tally {
  readonly #entries = new Map<string, Entry>();

  constructor(readonly taskOf: (name: string) => Task | undefined) {}

  /** Counts one scored record. */
  add(rec: Rec): void {
    this.#entry(taskNameOf(rec)).add(rec);
  }

  /** Says that a whole task was not run, and why. */
  notRun(task: string, reason: string, items: number): void {
    this.#entry(task).notRun(reason, items);
  }

  /** Gives a task its place in the results, before its first record. */
  announce(task: string, { sample }: { sample: boolean }): void {
    this.#entry(task).sample = sample;
  }

  /** Items seen so far: scored, failed or not run. */
  get items(): number {
    return [...this.#entries.values()].reduce((sum, entry) => sum + entry.seen, 0);
  }

  /** A task's mean over items so far, cheap enough for a progress line. */
  soFar(task: string): ReturnType<Entry["soFar"]> {
    return this.#entry(task).soFar();
  }

  /** Figures of all tasks, in the order in which they came. */
  results(): Results {
    const tasks = Object.fromEntries(
      Array.from(this.#entries, ([name, entry]) => [name, entry.result()]),
    );
    const groups: Results["groups"] = {};
    for (const [name, { score }] of Object.entries(tasks)) {
      const group = this.taskOf(name)?.group;
      if (score === null || !group) continue;
      const known = groups[group] ?? { score: 0, tasks: 0 };
      const count = known.tasks + 1;
      groups[group] = { score: known.score + (score - known.score) / count, tasks: count };
    }
    return { tasks, groups, mean: meanScore(tasks) };
  }

  #entry(name: string): Entry {
    let entry = this.#entries.get(name);
    if (!entry) this.#entries.set(name, entry = new Entry(name, this.taskOf(name)));
    return entry;
  }
}

/** The task that a record counts for; one that failed before it had any counts for "no task". */
export function taskNameOf(rec: Rec): string {
  const name = rec.get("task");
  return typeof name === "string" ? name : "no task";
}

/** Mean of the tasks' headline scores; null when nothing was scored. */
function meanScore(tasks: Readonly<Record<string, TaskResult>>): number | null {
  const scores = Object.values(tasks).flatMap(({ score }) => score === null ? [] : [score]);
  return scores.length === 0 ? null : scores.reduce((sum, score) => sum + score, 0) / scores.length;
}

/** Item scores of one part. */
interface Part {
  readonly values: number[];
  readonly weights?: number[];
}

/** One task being added up. */
class Entry {
  sample = false;
  seen = 0;
  readonly #notRun: Record<string, number> = {};
  readonly #sums = new Map<string, { sum: number; items: number }>();
  readonly #all: Part;
  readonly #parts: [way: string, of: (doc: Doc) => string, parts: Map<string, Part>][];
  readonly #calibration = Array.from({ length: BINS }, () => ({ sum: 0, score: 0, items: 0 }));
  #sum = 0;
  #unparsed = 0;
  #cut = 0;
  #timeouts = 0;
  #wrong = 0;
  #errors = 0;
  #tokens = 0;
  #forwards = 0;
  #decode: TaskResult["decode"] = null;

  constructor(readonly name: string, readonly task: Task | undefined) {
    this.#all = this.#newPart();
    this.#parts = Object.entries(task?.parts ?? {}).map(([way, of]) => [way, of, new Map()]);
  }

  #newPart(): Part {
    return this.task?.weight ? { values: [], weights: [] } : { values: [] };
  }

  notRun(reason: string, items: number): void {
    this.#notRun[reason] = (this.#notRun[reason] ?? 0) + items;
    this.seen += items;
  }

  add(rec: Rec): void {
    if (rec.has("error")) {
      this.#errors++;
      this.seen++;
      return;
    }
    const reason = rec.get("not_run");
    if (typeof reason === "string") return this.notRun(reason, 1);
    const metrics = rec.get("metrics") as Record<string, number>;
    const found = metrics[this.#metric];
    if (found === undefined) return this.notRun(`its rule gives no ${this.#metric}`, 1);
    this.seen++;
    for (const [name, value] of Object.entries(metrics)) {
      const known = this.#sums.get(name) ?? { sum: 0, items: 0 };
      this.#sums.set(name, { sum: known.sum + value, items: known.items + 1 });
    }
    const value = found / (this.task?.scale ?? 1);
    this.#decode ??= (rec.get("decode") as TaskResult["decode"] | undefined) ?? null;
    this.#place(value, (rec.get("doc") ?? {}) as Doc);
    this.#explain(rec, value);
  }

  get #metric(): string {
    return this.task?.metric ?? "acc";
  }

  #place(value: number, doc: Doc): void {
    const weight = this.task?.weight?.(doc);
    const push = (part: Part) => {
      part.values.push(value);
      if (weight !== undefined) part.weights?.push(weight);
    };
    push(this.#all);
    this.#sum += value;
    for (const [, of, parts] of this.#parts) {
      const name = of(doc);
      let part = parts.get(name);
      if (!part) parts.set(name, part = this.#newPart());
      push(part);
    }
  }

  #explain(rec: Rec, value: number): void {
    const usage = rec.get("usage") as Record<string, number> | undefined;
    const output = rec.get("output") as
      | { finish_reason?: string; confidence?: number[] }
      | undefined;
    this.#tokens += usage?.completion_tokens ?? 0;
    this.#forwards += usage?.forwards ?? 0;
    const flags = (rec.get("flags") ?? []) as string[];
    const cut = output?.finish_reason === "length";
    if (flags.includes("unparsed")) this.#unparsed++;
    if (flags.includes("timeout")) this.#timeouts++;
    if (cut) this.#cut++;
    if (value === 0 && !cut && flags.length === 0) this.#wrong++;
    const confidence = output?.confidence;
    if (!confidence || confidence.length === 0) return;
    const mean = confidence.reduce((sum, c) => sum + c, 0) / confidence.length;
    const bin = this.#calibration[Math.min(BINS - 1, Math.floor(BINS * mean))];
    bin.sum += mean;
    bin.score += value;
    bin.items++;
  }

  soFar() {
    const items = this.#all.values.length;
    const score = items > 0 ? this.#sum / items : null;
    return {
      score,
      share: score === null ? null : wilson(Math.min(1, Math.max(0, score)), items),
      tokensPerForward: this.#forwards > 0 ? this.#tokens / this.#forwards : null,
    };
  }

  result(): TaskResult {
    const { values } = this.#all;
    const scored = values.length > 0;
    const { score, interval } = scored ? this.#score() : { score: null, interval: null };
    return {
      metric: this.#metric,
      score,
      interval,
      items: values.length,
      not_run: this.#notRun,
      metrics: {
        ...Object.fromEntries(
          Array.from(this.#sums, ([name, { sum, items }]) => [name, sum / items]),
        ),
        ...(scored ? this.#summaries() : {}),
      },
      parts: Object.fromEntries(
        this.#parts.map(([way, , parts]) => [way, Object.fromEntries(scoresOf(parts))]),
      ),
      unparsed: this.#unparsed,
      cut: this.#cut,
      timeouts: this.#timeouts,
      wrong: this.#wrong,
      errors: this.#errors,
      tokens_per_forward: this.#forwards > 0 ? this.#tokens / this.#forwards : null,
      calibration: this.#calibration.flatMap(({ sum, score, items }) =>
        items > 0 ? [{ confidence: sum / items, score: score / items, items }] : []
      ),
      sample: this.sample,
      decode: this.#decode,
    };
  }

  #partsOf(over: string): Map<string, Part> {
    return this.#parts.find(([way]) => way === over)![2];
  }

  /** The task's other ways to make the whole. */
  #summaries(): Record<string, number> {
    return Object.fromEntries(
      Object.entries(this.task?.summaries ?? {}).map(([name, { over, mean }]) => [
        name,
        combine(new Map(scoresOf(this.#partsOf(over))), mean),
      ]),
    );
  }

  /**
   * Wilson's interval for a plain share of items, else a bootstrap within the parts. Where all items are
   * right, or all wrong, resampling would give an interval without width: Wilson's again.
   */
  #score(): { score: number; interval: [number, number] } {
    const { aggregate } = this.task ?? {};
    const { values, weights } = this.#all;
    const parts = aggregate && this.#parts.find(([way]) => way === aggregate.over)![2];
    const score = parts ? combine(new Map(scoresOf(parts)), aggregate.mean) : meanOf(this.#all);
    const binary = values.every((value) => value === 0 || value === 1);
    const alike = values.every((value) => value === values[0]);
    if (binary && (alike || (!parts && !weights))) {
      return { score, interval: wilson(alike ? values[0] : score, values.length) };
    }
    const drawn = parts ?? new Map([["", this.#all]]);
    return { score, interval: bootstrap(drawn, aggregate?.mean ?? "items", this.name) };
  }
}

function scoresOf(parts: ReadonlyMap<string, Part>): [string, PartScore][] {
  return Array.from(parts, ([name, part]) => [
    name,
    { score: meanOf(part), items: part.values.length },
  ]);
}
