/** One evaluation as the command runs it: records scored, kept, added up and reported. */
import { sample } from "../lib/sample.ts";
import { complete } from "../lib/endpoint.ts";
import type { Server } from "../lib/server.ts";
import { countRecords, runTasks, taskIdentity } from "../lib/eval/harness.ts";
import type { OpenedTasks } from "../lib/eval/open_tasks.ts";
import { RunFolder, type RunIdentity } from "../lib/eval/output.ts";
import { Progress } from "../lib/eval/progress.ts";
import { Done } from "../lib/eval/resume.ts";
import { published } from "../lib/eval/task.ts";
import { addStepSummary, writeReports } from "../lib/eval/report/mod.ts";
import { reportedTable, resultTable } from "../lib/eval/report/table.ts";
import { type Results, Tally, taskNameOf } from "../lib/eval/tally.ts";
import { evaluate, type Tools } from "../lib/eval/evaluate.ts";
import type { Rec } from "../lib/records/record.ts";
import type { Shard } from "../lib/records/select.ts";
import { Refusal } from "../lib/refusal.ts";
import type { Session } from "../lib/session.ts";
import { VERSION } from "../lib/version.ts";
import { taskOf } from "../tasks/mod.ts";
import type { Context } from "./command.ts";
import { decodeOptions } from "./decoding.ts";
import { decodeFlags } from "./flags.ts";
import { tell } from "./report.ts";

const VERSIONS = { unmask: VERSION, deno: Deno.version.deno };

/** What answers: a model in this process, or a server. */
export interface Answering {
  readonly session: Session;
  readonly server?: Server;
}

/** Options of an evaluation. */
export interface EvaluationOptions {
  readonly tools: Tools;
  readonly opened?: OpenedTasks;
  /** Folder of the run. */
  readonly output?: string;
  /** Decode options of this run of a sweep. */
  readonly decode?: Readonly<Record<string, unknown>>;
}

/** Scores records and says how they did. */
export class Evaluation {
  readonly #tally: Tally;
  readonly #progress: Progress;
  /** Tasks of the records that `--on-error skip` dropped. */
  readonly #dropped: string[] = [];
  #folder: RunFolder | undefined;

  /** The run folder's identity, once there is one. */
  get identity(): Readonly<Record<string, unknown>> {
    return this.#folder?.identity ?? {};
  }

  constructor(readonly context: Context, readonly options: EvaluationOptions) {
    this.#tally = this.#newTally();
    this.#progress = new Progress(this.#tally, context.progress);
    context.faults.onDrop = (rec) => {
      this.#dropped.push(taskNameOf(rec));
      this.#tally.failed(taskNameOf(rec));
    };
  }

  /** Figures of no record yet: benchmarks stand in the order in which they were asked for. */
  #newTally(): Tally {
    const tally = new Tally(taskOf);
    const { asked = [], ready = [], missing = [] } = this.options.opened ?? {};
    for (const task of asked) {
      const sample = ready.find((one) => one.task === task)?.sample ?? false;
      tally.announce(task.name, { sample });
    }
    for (const { task, reason } of missing) tally.notRun(task.name, reason, 0);
    return tally;
  }

  /** Items of benchmarks, answered and scored. */
  async run(answering: Answering): Promise<Results> {
    const { context: { flags, faults, signal }, options: { tools } } = this;
    const selection = {
      tasks: this.options.opened!.ready,
      limit: flags.limit as number | undefined,
      shard: flags.shard as Shard | undefined,
      n: flags.n as number | undefined,
    };
    this.#progress.total = countRecords(selection);
    return await this.#inFolder(() => this.#identity(answering), (done) => {
      const generate = this.#generator(answering);
      return runTasks({ ...selection, done, signal, generate, taskOf, tools, faults });
    });
  }

  /** Records that were answered elsewhere, or before; `source` names where they come from. */
  async score(records: AsyncIterable<Rec>, source: string): Promise<Results> {
    const { context: { faults, flags }, options: { tools } } = this;
    const { limit = null, shard = null } = flags;
    const options = { records: source, limit, shard, judge: tools.judge?.name ?? null };
    let scored = new Done();
    const results = await this.#inFolder(
      () => ({ identity: { options, versions: VERSIONS } }),
      (done) => evaluate((scored = done).rest(records), { taskOf, tools, faults }),
    );
    if (scored.others > 0 && !this.context.signal.aborted) {
      const which = `${scored.others} of earlier input in "${this.options.output}"`;
      this.context.notice(`records count too that are not in this input: ${which}`);
    }
    const { alone } = this.#tally.shards;
    if (results.lacking !== undefined && faults.policy !== "stop") {
      this.context.notice(results.lacking);
    }
    if (alone !== undefined && !flags.shard) this.context.notice(`all records are of ${alone}`);
    return results;
  }

  /** Scores what an earlier part of the run in the folder has not; without a folder, everything. */
  async #inFolder(
    identify: () => Identified | Promise<Identified>,
    score: (done: Done) => AsyncIterable<Rec>,
  ): Promise<Results> {
    const { context: { flags, notice }, options: { output } } = this;
    let done = new Done();
    try {
      if (output !== undefined) {
        const { identity, items } = await identify();
        done = new Done(items);
        const force = flags.force === true;
        this.#folder = await RunFolder.open(output, { identity, force, onNotice: notice });
        this.#folder.follow(this.#progress.seconds);
        if (this.#folder.again > 0) notice(`${this.#folder.again} records failed: done again`);
        for await (const rec of this.#folder.done()) {
          await done.add(rec);
          this.#tally.add(rec);
        }
      }
      this.#progress.begin();
      return await this.#finish(score(done), done);
    } finally {
      await this.#folder?.close();
    }
  }

  #generator({ session, server }: Answering): (records: AsyncIterable<Rec>) => AsyncIterable<Rec> {
    const { context } = this;
    const { flags, faults } = context;
    const decode = { ...decodeFlags(flags), ...this.options.decode };
    if (server) {
      const concurrency = flags.batch as number | undefined;
      const onNotice = (line: string) => context.notice(line);
      return (records) => complete(records, { server, faults, concurrency, decode, onNotice });
    }
    const options = {
      ...decodeOptions(context, session),
      decode,
      onDone: undefined,
      shareCache: !flags["no-cache"],
    };
    return (records) => sample(records, options);
  }

  async #finish(scored: AsyncIterable<Rec>, done: Done): Promise<Results> {
    const { context } = this;
    const { flags } = context;
    const counted = this.#counted(scored);
    if (context.terminal || flags.json) { for await (const _ of counted); }
    else await context.write(counted);
    if (context.signal.aborted) {
      await this.#folder?.writeTimes();
      if (this.#folder) context.notice("interrupted: the same command goes on from here");
      return this.#tally.results();
    }
    const results = await this.#results(done);
    if (this.#folder) {
      await this.#folder.finish(results);
      const lmEval = flags.export === "lm-eval";
      const least = flags["fail-under"] as number | undefined;
      await writeReports(this.#folder, { results, taskOf, lmEval, least });
    }
    await addStepSummary(results);
    context.progress("");
    if (!flags.quiet) {
      const { seconds } = this.#folder ?? this.#progress;
      tell(resultTable(results, seconds));
      if (flags["as-reported"]) tell(`\n${reportedTable(results, taskOf)}`);
    }
    return results;
  }

  /** Figures of all records; where those of a folder had to be put in order, as they stand there now. */
  async #results({ places }: Done): Promise<Results> {
    const sorted = places.size > 0 && await this.#folder?.sort(places);
    if (!sorted) return this.#tally.results();
    const tally = this.#newTally();
    for await (const rec of this.#folder!.done()) tally.add(rec);
    for (const task of this.#dropped) tally.failed(task);
    return tally.results();
  }

  async *#counted(scored: AsyncIterable<Rec>): AsyncGenerator<Rec> {
    for await (const rec of scored) {
      this.#tally.add(rec);
      this.#progress.lap(rec);
      const open = published(rec, taskOf(String(rec.get("task"))));
      await this.#folder?.append(open);
      yield open;
    }
  }

  /** Everything that decides the results of a run, and its items. */
  async #identity({ session, server }: Answering): Promise<Identified> {
    const { context: { flags }, options } = this;
    const tasks: Record<string, unknown> = {};
    const items = new Map<string, string>();
    for (const ready of options.opened!.ready) {
      const found = await taskIdentity(ready, { limit: flags.limit as number | undefined });
      tasks[ready.task.name] = found.identity;
      for (const [id, print] of found.items) items.set(id, print);
    }
    const identity = {
      options: {
        tasks: options.opened!.asked.map(({ name }) => name),
        limit: flags.limit ?? null,
        shard: flags.shard ?? null,
        n: flags.n ?? 1,
        decode: { ...decodeFlags(flags), ...options.decode },
        truncate: flags.truncate ?? null,
        judge: options.tools.judge?.name ?? null,
      },
      digests: { model: server ? null : await session.digest(), tasks },
      ...(server
        ? { endpoint: server.options.url, model: await server.model() }
        : await deviceOf(session)),
      versions: VERSIONS,
    };
    return { identity, items };
  }
}

/** What a run is, and fingerprints of its items by id where it chooses them. */
interface Identified {
  readonly identity: RunIdentity;
  readonly items?: ReadonlyMap<string, string>;
}

/** What computed the answers: numbers may differ between adapters and precisions. */
async function deviceOf(session: Session): Promise<Record<string, unknown>> {
  return { model: session.name, ...await session.device() };
}

/** Refuses results that hold nothing, or less than was asked for; with `partial` the lack of shards is none. */
export function judge(
  { tasks, mean, lacking }: Results,
  { least, first, partial }: {
    least: number | undefined;
    first: string | undefined;
    partial: boolean;
  },
): void {
  const figures = Object.values(tasks);
  const scored = figures.reduce((sum, { items }) => sum + items, 0);
  const failed = figures.reduce((sum, { errors }) => sum + errors, 0);
  const reasons = figures.flatMap(({ not_run }) => Object.keys(not_run));
  if (scored === 0 && failed + reasons.length > 0) {
    const why = reasons[0] ?? first;
    throw new Refusal(`Cannot score: no item could be scored${why ? `: ${why}` : ""}`);
  }
  if (lacking !== undefined && !partial) {
    throw new Refusal(`Cannot call the run complete: ${lacking}, expected all shards whole`);
  }
  if (least !== undefined && failed > 0) {
    const why = first ? `: ${first}` : "";
    throw new Refusal(
      `Cannot pass: ${failed} of ${
        scored + failed
      } records failed, expected all to be scored${why}`,
    );
  }
  if (least !== undefined && (mean === null || mean < least)) {
    const found = mean === null ? "nothing was scored" : `the mean is ${mean.toFixed(4)}`;
    throw new Refusal(`Cannot pass: ${found}, expected at least ${least}`);
  }
}
