/** The eval stage: scores any record with `task`, `doc` and `text` (or the `outputs` of a dialogue). */
import { type CodeRunner, NoSandbox } from "../exec/executors.ts";
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
import { kindOf, nameOf, type Rec, shown, stringOf, wrong } from "../records/record.ts";
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

/** What scoring adds; `flags` may hold others' too. */
const SCORED = ["metrics", "not_run", "extracted", "executor"];
const FLAGS = ["unparsed", "timeout", "memory"] as const;

/** A rule that threw, or gave a value that is no number. */
class ScorerFault extends Refusal {}

/**
 * Adds `metrics` (or `not_run`) to each record, and `flags` that say why a score is low, in place of those
 * of an earlier scoring. A scorer that throws leaves an `error`, and the run goes on to fail at its end.
 */
export function evaluate(
  records: AsyncIterable<Rec>,
  { taskOf, tools, faults = new Faults() }: EvaluateOptions,
): AsyncIterable<Rec> {
  const seen = new SeenIds();
  return eachRecord(unscored(records, taskOf), {
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
      checkFigures(rec);
      if (isVerdict(rec, task)) return;
      const outputs = outputsOf(rec).map((output) =>
        typeof output === "string" ? withoutThinking(output) : output.map(withoutThinking)
      );
      try {
        write(rec, await score(rec, { task, outputs, tools }));
      } catch (error) {
        if (!(error instanceof ScorerFault) || faults.policy !== "stop") throw error;
        faults.defer(rec, "eval", error);
      }
    },
  });
}

/** A scored record of a confidential item: its answer was left out, its verdict counts. */
function isVerdict(rec: Rec, task: Task | undefined): boolean {
  if (!task?.confidential || rec.has("text") || rec.has("outputs")) return false;
  return kindOf(rec.get("metrics")) === "object";
}

/** Refuses what a record brings for the figures of its task when it is of another kind. */
function checkFigures(rec: Rec): void {
  const inner = (name: string) => (rec.get(name) ?? {}) as Readonly<Record<string, unknown>>;
  const flags = rec.get("flags") ?? [];
  if (!Array.isArray(flags)) {
    throw wrong(rec, `field "flags" is ${kindOf(flags)}, expected a list`);
  }
  const decode = rec.get("decode") ?? {};
  if (kindOf(decode) !== "object") {
    throw wrong(rec, `field "decode" is ${kindOf(decode)}, expected object`);
  }
  // JSON has numbers that no double holds: 1e400 is Infinity here, which results could not hold again.
  const isNumber = (value: unknown, least = -Infinity) =>
    Number.isFinite(value) && Number(value) >= least;
  const numbers = [
    ...Object.entries(inner("metrics")).map(([name, value]) => [`metrics.${name}`, value] as const),
    ...["completion_tokens", "forwards"].map((name) =>
      [`usage.${name}`, inner("usage")[name] ?? 0, 0] as const
    ),
    ...Object.entries(decode).filter(([, value]) => typeof value === "number")
      .map(([name, value]) => [`decode.${name}`, value] as const),
  ];
  for (const [name, value, least] of numbers) {
    if (isNumber(value, least)) continue;
    const wanted = least === undefined ? "a number" : `a number from ${least}`;
    throw wrong(rec, `field "${name}" is ${shown(value)}, expected ${wanted}`);
  }
  const confidence = inner("output").confidence ?? [];
  if (Array.isArray(confidence) && confidence.every((one) => isNumber(one, 0))) return;
  throw wrong(rec, `field "output.confidence" is ${shown(confidence)}, expected a list of shares`);
}

/** Records without the scores, and the scorers' errors, of an earlier evaluation. */
async function* unscored(
  records: AsyncIterable<Rec>,
  taskOf: EvaluateOptions["taskOf"],
): AsyncGenerator<Rec> {
  for await (const rec of records) {
    if (isVerdict(rec, taskOf(String(rec.get("task"))))) {
      yield rec;
      continue;
    }
    const { stage } = (rec.get("error") ?? {}) as { stage?: unknown };
    const flags = rec.get("flags");
    const known = Array.isArray(flags) ? flags : [];
    const others = known.filter((flag) => !FLAGS.includes(flag));
    const names = [
      ...SCORED,
      ...(stage === "eval" ? ["error"] : []),
      ...(others.length < known.length ? ["flags"] : []),
    ];
    const bare = names.some((name) => rec.has(name)) ? rec.without(new Set(names)) : rec;
    if (others.length > 0 && others.length < known.length) bare.set("flags", others);
    yield bare;
  }
}

/** A scorer that throws is a fault of that record: it is named, and the run is incomplete. */
async function score(
  rec: Rec,
  { task, outputs, tools }: { task: Task; outputs: Output[]; tools: ScoreTools },
): Promise<Score> {
  const doc = docOf(rec, task);
  try {
    return await task.score(outputs.flat().at(-1) ?? "", doc, tools, outputs);
  } catch (cause) {
    // A program that may not run here says nothing of the answer, and the other items go on.
    if (cause instanceof NoSandbox) return { metrics: {}, not_run: cause.message };
    if (cause instanceof Refusal) throw cause;
    const message = cause instanceof Error ? cause.message : String(cause);
    const hint = cause instanceof TypeError ? ` (is field "doc" an item of ${task.name}?)` : "";
    throw new ScorerFault(
      `Cannot score ${nameOf(rec)} with ${task.name}: ${message}, expected a score${hint}`,
      { cause },
    );
  }
}

function write(rec: Rec, score: Score): void {
  const { metrics, not_run, extracted, executor } = score;
  if (not_run !== undefined) {
    rec.set("not_run", not_run);
    return;
  }
  for (const [metric, value] of Object.entries(metrics)) {
    if (!Number.isFinite(value)) {
      throw new ScorerFault(
        `Cannot score ${nameOf(rec)}: metric "${metric}" is ${value}, expected a number`,
      );
    }
  }
  // 0 for -0, which JSON has not.
  rec.set("metrics", Object.fromEntries(Object.entries(metrics).map(([k, v]) => [k, v + 0])));
  const why = FLAGS.filter((flag) => score[flag]);
  if (why.length > 0) rec.set("flags", [...(rec.get("flags") ?? []) as string[], ...why]);
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
