/** Two runs side by side: the same items, a paired test, what was won and lost. */
import { kindOf, type Rec, shown, wrong } from "../records/record.ts";
import { fnv1a } from "../hash.ts";
import { Refusal, visible } from "../refusal.ts";
import { bootstrap, intervalOfMean, Z95 } from "./stats.ts";
import { SeenIds } from "./seen_ids.ts";
import { columns, percent } from "./report/table.ts";
import { itemOf, taskNameOf } from "./tally.ts";
import type { Task } from "./task.ts";

/** One task of two runs, over the items that both scored. */
export interface TaskDiff {
  readonly task: string;
  readonly items: number;
  /** Items that only one of the runs scored. */
  readonly unpaired: number;
  readonly before: number;
  readonly after: number;
  /** 95% interval of the mean difference. */
  readonly interval: [number, number];
  /** Two-sided p: McNemar's exact test for right and wrong, else a sign test. */
  readonly p: number;
  /** Ids that the second run scored higher, and lower. */
  readonly won: readonly string[];
  readonly lost: readonly string[];
}

/** Headline scores of a run on 0..1 by task and item; several answers to one count as their mean. */
async function scoresOf(
  records: AsyncIterable<Rec>,
  { taskOf, keep }: {
    taskOf: (name: string) => Task | undefined;
    /** Told of each scored record; whether it counts. */
    keep: (rec: Rec, task: string) => boolean;
  },
): Promise<Map<string, Map<string, number>>> {
  const sums = new Map<string, Map<string, { sum: number; count: number }>>();
  const seen = new SeenIds();
  for await (const rec of records) {
    const name = taskNameOf(rec);
    const task = taskOf(name);
    const metrics = rec.get("metrics") as Record<string, number> | undefined;
    const metric = task?.metric ?? "acc";
    const value = metrics?.[metric];
    const before = seen.add(`${name} ${rec.id}`, rec.where);
    if (before !== undefined) {
      throw wrong(rec, `its id stands at ${before}, too, expected it once in a run`);
    }
    if (value !== undefined && !Number.isFinite(value)) {
      throw wrong(rec, `field "metrics.${metric}" is ${shown(value)}, expected a number`);
    }
    if (value === undefined || !keep(rec, name)) continue;
    let own = sums.get(name);
    if (!own) sums.set(name, own = new Map());
    const id = itemOf(rec.id) ?? rec.id;
    const { sum, count } = own.get(id) ?? { sum: 0, count: 0 };
    own.set(id, { sum: sum + value / (task?.scale ?? 1), count: count + 1 });
  }
  const means = (own: Map<string, { sum: number; count: number }>) =>
    new Map(Array.from(own, ([id, { sum, count }]) => [id, sum / count]));
  return new Map(Array.from(sums, ([task, own]) => [task, means(own)]));
}

/** A digest of each field of a record's row; undefined where it keeps none. */
type Row = ReadonlyMap<string, number> | undefined;

function rowOf(rec: Rec): Row {
  const doc = rec.get("doc");
  if (kindOf(doc) !== "object") return undefined;
  return new Map(
    Object.entries(doc as object).map(([name, value]) => [name, fnv1a(JSON.stringify(value))]),
  );
}

/** Whether two rows may be one: files of a benchmark differ in the order of fields, and in what they add. */
function sameRow(a: Row, b: Row): boolean {
  if (a === undefined || b === undefined) return true; // a confidential item's row is kept nowhere
  const shared = [...a.keys()].filter((name) => b.has(name));
  const told = shared.length > 0 || a.size + b.size === 0;
  return told && shared.every((name) => a.get(name) === b.get(name));
}

/** Compares the records of two runs, task by task; `notice` is told of the tasks that cannot be. */
export async function diffRuns(
  before: AsyncIterable<Rec>,
  after: AsyncIterable<Rec>,
  taskOf: (name: string) => Task | undefined,
  notice: (line: string) => void = () => {},
): Promise<TaskDiff[]> {
  const rows = new Map<string, Row>();
  const others = new Map<string, number>();
  const a = await scoresOf(before, {
    taskOf,
    keep(rec, task) {
      rows.set(`${task} ${rec.id}`, rowOf(rec));
      return true;
    },
  });
  const b = await scoresOf(after, {
    taskOf,
    keep(rec, task) {
      if (sameRow(rows.get(`${task} ${rec.id}`), rowOf(rec))) return true;
      others.set(task, (others.get(task) ?? 0) + 1);
      return false;
    },
  });
  for (const [task, count] of others) {
    notice(`${task}: left out, as "doc" differs between the runs: ${count}`);
  }
  const diffs = Array.from(a, ([task, scores]) => diffOf(task, scores, b.get(task) ?? new Map()));
  const paired = diffs.filter(({ items }) => items > 0);
  if (paired.length === 0) {
    throw new Refusal("Cannot compare the runs: no item was scored in both, expected shared ids");
  }
  const shared = new Set(paired.map(({ task }) => task));
  const alone = [...new Set([...a.keys(), ...b.keys()])].filter((task) => !shared.has(task));
  if (alone.length > 0) notice(`left out, no item was scored in both runs: ${alone.join(", ")}`);
  return paired;
}

function diffOf(
  task: string,
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): TaskDiff {
  const ids = [...before.keys()].filter((id) => after.has(id));
  const changes = ids.map((id) => after.get(id)! - before.get(id)!);
  const won = ids.filter((_, i) => changes[i] > 0);
  const lost = ids.filter((_, i) => changes[i] < 0);
  const mean = (scores: ReadonlyMap<string, number>) =>
    ids.reduce((sum, id) => sum + scores.get(id)!, 0) / ids.length;
  return {
    task,
    items: ids.length,
    unpaired: before.size + after.size - 2 * ids.length,
    before: mean(before),
    after: mean(after),
    interval: intervalOfChanges(changes, task),
    p: signTest(won.length, lost.length),
    won,
    lost,
  };
}

/**
 * 95% interval of the mean change. Of rights and wrongs it is Agresti and Min's (2005) for matched pairs, which
 * has width where nothing changed; else a bootstrap over items.
 */
export function intervalOfChanges(changes: readonly number[], seed: string): [number, number] {
  if (changes.some((change) => !Number.isInteger(change))) {
    return bootstrap(new Map([["", { values: changes }]]), "items", seed);
  }
  const n = changes.length + 2;
  const sum = changes.reduce((total, change) => total + change, 0);
  const squares = changes.reduce((total, change) => total + change * change, 0) + 1;
  const half = Z95 * Math.sqrt(squares - sum * sum / n) / n;
  return [Math.max(-1, sum / n - half), Math.min(1, sum / n + half)];
}

/** Two-sided binomial test that changes go up and down alike; on right and wrong it is McNemar's. */
export function signTest(up: number, down: number): number {
  const n = up + down;
  const least = Math.min(up, down);
  // Terms of the tail in logarithms: 2^n overflows from about a thousand changes on.
  let log = -n * Math.LN2;
  let tail = 0;
  for (let k = 0; k <= least; k++) {
    tail += Math.exp(log);
    log += Math.log((n - k) / (k + 1));
  }
  return Math.min(1, 2 * tail);
}

/** The comparison for people. */
export function diffTable(diffs: readonly TaskDiff[]): string {
  const signed = (value: number) => `${value < 0 ? "" : "+"}${percent(value)}`;
  const head = [
    "task",
    "items",
    "before",
    "after",
    "change",
    "95% interval",
    "won",
    "lost",
    "p",
    "",
  ];
  const rows = diffs.map(({ task, items, unpaired, before, after, interval, p, won, lost }) => [
    task,
    String(items),
    percent(before),
    percent(after),
    signed(after - before),
    interval.map(signed).join(" to "),
    String(won.length),
    String(lost.length),
    p < 0.001 ? "<0.001" : p.toFixed(3),
    unpaired > 0 ? `${unpaired} items in one run only` : "",
  ]);
  if (diffs.length > 1) rows.push(meanRow(diffs, signed));
  const named = diffs.flatMap(({ task, won, lost }) => [
    ...someIds(`${task} won`, won),
    ...someIds(`${task} lost`, lost),
  ]);
  return [columns([head, ...rows]), ...named].join("\n");
}

/** Means over tasks, each as much as any other; items were not drawn for a test of them all. */
function meanRow(diffs: readonly TaskDiff[], signed: (value: number) => string): string[] {
  const sum = (of: (diff: TaskDiff) => number) => diffs.reduce((all, diff) => all + of(diff), 0);
  const [before, after] = [sum(({ before }) => before), sum(({ after }) => after)]
    .map((all) => all / diffs.length);
  const changes = diffs.map((diff) => ({ ...diff, score: diff.after - diff.before }));
  return [
    "mean",
    String(sum(({ items }) => items)),
    percent(before),
    percent(after),
    signed(after - before),
    intervalOfMean(changes).map(signed).join(" to "),
    String(sum(({ won }) => won.length)),
    String(sum(({ lost }) => lost.length)),
    "",
    "",
  ];
}

/** Ids that a table names; `--json` has them all. */
const NAMED = 8;

function someIds(what: string, ids: readonly string[]): string[] {
  if (ids.length === 0) return [];
  const more = ids.length > NAMED ? ` and ${ids.length - NAMED} more` : "";
  return [`${what}: ${ids.slice(0, NAMED).join(" ")}${more}`].map(visible);
}
