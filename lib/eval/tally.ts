/** Adds up scored records: per task the score with its interval, its parts, and why it is low. */
import type { Rec } from "../records/record.ts";
import { combine, intervalOf, intervalOfMean, meanOf, wilson } from "./stats.ts";
import { Shards } from "./shards.ts";
import type { Doc, Group, PartScore, Task } from "./task.ts";
import { baseName } from "./variants.ts";

/** One task's figures; scores are on 0..1. */
export interface TaskResult {
  metric: string;
  score: number | null;
  interval: [number, number] | null;
  /** Items scored; several answers to one count as their mean. */
  items: number;
  /** Answers scored: `items`, or `--n` times as many. */
  answers: number;
  /** Items that could not be scored, by reason; they are in no score. */
  not_run: Record<string, number>;
  /** Mean over items of every metric, in the metric's own units, and the task's other summaries. */
  metrics: Record<string, number>;
  /** Scores of the named parts. */
  parts: Record<string, Record<string, PartScore>>;
  /** Why items lost: no answer found, cut at the length limit, out of time or memory, or just wrong. */
  unparsed: number;
  cut: number;
  timeouts: number;
  out_of_memory: number;
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
  readonly groups: Partial<Record<Group, GroupResult>>;
  /** Mean of all tasks' scores; tasks that were not run are not in it. */
  readonly mean: number | null;
  /** Its 95% interval, from the tasks'. */
  readonly mean_interval: [number, number] | null;
  /** Whether every record was scored or stands aside for a reason (`not_run`); none failed, no shard is missing. */
  readonly complete: boolean;
  /** What is missing of the shards that were merged. */
  readonly lacking?: string;
}

/** Mean of the scores of a dimension's tasks, its 95% interval, and how many they are. */
export interface GroupResult {
  readonly score: number;
  readonly interval: [number, number];
  readonly tasks: number;
}

const BINS = 10;

/** Adds up records in any order, and gives the same figures for each. */
export class Tally {
  readonly #entries = new Map<string, Entry>();
  /** Shards that the records are of. */
  readonly shards = new Shards();

  constructor(readonly taskOf: (name: string) => Task | undefined) {}

  /** Counts one scored record. */
  add(rec: Rec): void {
    this.shards.add(rec);
    if (rec.failed) this.failed(taskNameOf(rec));
    else this.#entry(taskNameOf(rec)).add(rec);
  }

  /** Counts one record that failed. */
  failed(task: string): void {
    this.#entry(task).failed();
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
    this.#compare(tasks);
    const scored = Object.entries(tasks).filter(([, { score }]) => score !== null) as Scored[];
    const groups: Results["groups"] = {};
    for (const group of new Set(scored.map(([name]) => this.#groupOf(name)))) {
      if (group) groups[group] = meanOfTasks(scored.filter(([t]) => this.#groupOf(t) === group));
    }
    const all = scored.length > 0 ? meanOfTasks(scored) : undefined;
    const { lacking } = this.shards;
    return {
      tasks,
      groups,
      mean: all?.score ?? null,
      mean_interval: all?.interval ?? null,
      complete: lacking === undefined && Object.values(tasks).every(({ errors }) => errors === 0),
      ...(lacking === undefined ? {} : { lacking }),
    };
  }

  /** The dimension that a task's score counts for; a variant's counts for none. */
  #groupOf(name: string): Group | undefined {
    return baseName({ name }) === name ? this.taskOf(name)?.group : undefined;
  }

  /** Adds the figures that tasks have against others. */
  #compare(tasks: Readonly<Record<string, TaskResult>>): void {
    for (const [name, { score, metrics }] of Object.entries(tasks)) {
      for (const [figure, { task, of }] of Object.entries(this.taskOf(name)?.against ?? {})) {
        const other = tasks[task]?.score ?? null;
        const value = score === null || other === null ? NaN : of(score, other);
        if (Number.isFinite(value)) metrics[figure] = value;
      }
    }
  }

  #entry(name: string): Entry {
    let entry = this.#entries.get(name);
    if (!entry) this.#entries.set(name, entry = new Entry(name, this.taskOf(name)));
    return entry;
  }
}

/** What records count for that failed before they had a task. */
export const NO_TASK = "no task";

/** The task that a record counts for. */
export function taskNameOf(rec: Rec): string {
  const name = rec.get("task");
  return typeof name === "string" ? name : NO_TASK;
}

type Scored = [name: string, TaskResult & { score: number; interval: [number, number] }];

function meanOfTasks(scored: readonly Scored[]): GroupResult {
  const results = scored.map(([, result]) => result);
  const score = results.reduce((sum, { score }) => sum + score, 0) / results.length;
  return { score, interval: intervalOfMean(results), tasks: results.length };
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
  /** Items with several answers (`id#1`, `id#2`, ...): where their means stand. */
  readonly #several = new Map<string, { answers: number; readonly places: [Part, number][] }>();
  #answers = 0;
  #sum = 0;
  #unparsed = 0;
  #cut = 0;
  #timeouts = 0;
  #outOfMemory = 0;
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

  failed(): void {
    this.#errors++;
    this.seen++;
  }

  add(rec: Rec): void {
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
    this.#answers++;
    this.#sum += value;
    this.#place(value, rec);
    this.#explain(rec, value);
  }

  get #metric(): string {
    return this.task?.metric ?? "acc";
  }

  /** Puts an item's value into its parts; a further answer to an item moves the item's mean. */
  #place(value: number, rec: Rec): void {
    const item = itemOf(rec.id);
    const known = item === undefined ? undefined : this.#several.get(item);
    if (known) {
      known.answers++;
      for (const [{ values }, at] of known.places) {
        values[at] += (value - values[at]) / known.answers;
      }
      return;
    }
    const doc = (rec.get("doc") ?? {}) as Doc;
    const weight = this.task?.weight?.(doc);
    const parts = [this.#all, ...this.#parts.map(([, of, parts]) => this.#part(parts, of(doc)))];
    const places = parts.map((part): [Part, number] => {
      if (weight !== undefined) part.weights?.push(weight);
      return [part, part.values.push(value) - 1];
    });
    if (item !== undefined) this.#several.set(item, { answers: 1, places });
  }

  #part(parts: Map<string, Part>, name: string): Part {
    let part = parts.get(name);
    if (!part) parts.set(name, part = this.#newPart());
    return part;
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
    if (flags.includes("memory")) this.#outOfMemory++;
    if (cut) this.#cut++;
    const told = cut || ["unparsed", "timeout", "memory"].some((flag) => flags.includes(flag));
    if (value === 0 && !told) this.#wrong++;
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
    const score = items > 0 ? this.#sum / this.#answers : null;
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
      answers: this.#answers,
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
      out_of_memory: this.#outOfMemory,
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

  /** The task's other ways to make the whole; one whose parts are not there has no figure. */
  #summaries(): Record<string, number> {
    const figures = Object.entries(this.task?.summaries ?? {}).map((
      [name, { over, mean }],
    ): [string, number] => [name, combine(new Map(scoresOf(this.#partsOf(over))), mean)]);
    return Object.fromEntries(figures.filter(([, value]) => Number.isFinite(value)));
  }

  #score(): { score: number; interval: [number, number] } {
    const { over, mean } = this.task?.aggregate ?? { mean: "items" };
    const parts = over === undefined ? new Map([["", this.#all]]) : this.#partsOf(over);
    const score = combine(new Map(scoresOf(parts)), mean);
    return { score, interval: intervalOf(parts, { score, mean, seed: this.name }) };
  }
}

/**
 * The question behind "id#2", or behind "id#2#1", the first answer to its second form; undefined where an item
 * has one answer. Answers to one question hang together.
 */
export function itemOf(id: string): string | undefined {
  let item = id;
  for (let next = originalOf(id); next !== item; next = originalOf(item)) item = next;
  return item === id ? undefined : item;
}

/** The record that "id#2" is one of several answers to. */
export function originalOf(id: string): string {
  return id.replace(/#\d+$/, "");
}

function scoresOf(parts: ReadonlyMap<string, Part>): [string, PartScore][] {
  return Array.from(parts, ([name, part]) => [
    name,
    { score: meanOf(part), items: part.values.length },
  ]);
}
