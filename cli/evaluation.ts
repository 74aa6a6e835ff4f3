/** One evaluation as the command runs it: records scored, kept, added up and reported. */
import { sample } from "../lib/decode.ts";
import { complete, type Server } from "../lib/endpoint.ts";
import { countRecords, runTasks, taskIdentity } from "../lib/eval/harness.ts";
import type { OpenedTasks } from "../lib/eval/open_tasks.ts";
import { RunFolder } from "../lib/eval/output.ts";
import { Progress } from "../lib/eval/progress.ts";
import { writeReports } from "../lib/eval/report/mod.ts";
import { reportedTable, resultTable } from "../lib/eval/report/table.ts";
import { type Results, Tally } from "../lib/eval/tally.ts";
import { evaluate, type Tools } from "../lib/eval/evaluate.ts";
import { sha256Json } from "../lib/digest.ts";
import { Rec } from "../lib/records/record.ts";
import type { Shard } from "../lib/records/select.ts";
import { Refusal } from "../lib/refusal.ts";
import type { Session } from "../lib/session.ts";
import { VERSION } from "../lib/version.ts";
import { taskOf } from "../tasks/mod.ts";
import type { Context } from "./command.ts";
import { decodeOptions } from "./decoding.ts";
import { decodeFlags } from "./flags.ts";

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
  readonly #tally = new Tally(taskOf);
  readonly #progress: Progress;
  #folder: RunFolder | undefined;

  /** The run folder's identity, once there is one. */
  get identity(): Readonly<Record<string, unknown>> {
    return this.#folder?.identity ?? {};
  }

  constructor(readonly context: Context, readonly options: EvaluationOptions) {
    this.#progress = new Progress(this.#tally, context.progress);
  }

  /** Items of benchmarks, answered and scored. */
  async run(answering: Answering): Promise<Results> {
    const { context: { flags, faults, signal }, options: { tools, output } } = this;
    const { ready, missing } = this.options.opened!;
    const selection = {
      tasks: ready,
      limit: flags.limit as number | undefined,
      shard: flags.shard as Shard | undefined,
      n: flags.n as number | undefined,
    };
    this.#progress.total = countRecords(selection);
    for (const { task, sample } of ready) this.#tally.announce(task.name, { sample });
    for (const { task, reason } of missing) this.#tally.notRun(task.name, reason, 0);
    const done = new Set<string>();
    try {
      if (output !== undefined) {
        const identity = await this.#identity(answering);
        this.#folder = await RunFolder.open(output, { identity, force: flags.force === true });
        for await (const rec of this.#folder.done()) {
          done.add(rec.id);
          this.#tally.add(rec);
        }
      }
      this.#progress.begin();
      const generate = this.#generator(answering);
      return await this.#finish(
        runTasks({ ...selection, done, signal, generate, taskOf, tools, faults }),
      );
    } finally {
      await this.#folder?.close();
    }
  }

  /** Records that were answered elsewhere, or before. */
  async score(records: AsyncIterable<Rec>): Promise<Results> {
    const { context: { faults }, options: { tools } } = this;
    this.#progress.begin();
    return await this.#finish(evaluate(records, { taskOf, tools, faults }));
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

  async #finish(scored: AsyncIterable<Rec>): Promise<Results> {
    const { context } = this;
    const { flags } = context;
    const counted = this.#counted(scored);
    if (context.terminal || flags.json) { for await (const _ of counted); }
    else await context.write(counted);
    const { seconds } = this.#progress;
    const results = this.#tally.results();
    if (context.signal.aborted) {
      await this.#folder?.addTimes(seconds);
      return results;
    }
    if (this.#folder) {
      await this.#folder.finish(results, seconds);
      const lmEval = flags.export === "lm-eval";
      await writeReports(this.#folder, { results, taskOf, lmEval });
    }
    context.progress("");
    if (!flags.quiet) {
      console.error(resultTable(results, seconds));
      if (flags["as-reported"]) console.error(`\n${reportedTable(results, taskOf)}`);
    }
    return results;
  }

  async *#counted(scored: AsyncIterable<Rec>): AsyncGenerator<Rec> {
    for await (const rec of scored) {
      this.#tally.add(rec);
      this.#progress.lap(rec);
      await this.#folder?.append(kept(rec));
      yield rec;
    }
  }

  /** Everything that decides the results of a run. */
  async #identity({ session, server }: Answering): Promise<Record<string, unknown>> {
    const { context: { flags }, options } = this;
    const tasks: Record<string, unknown> = {};
    for (const ready of options.opened!.ready) {
      tasks[ready.task.name] = await sha256Json(await taskIdentity(ready));
    }
    return {
      options: {
        tasks: [...Object.keys(tasks), ...options.opened!.missing.map(({ task }) => task.name)],
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
      versions: { unmask: VERSION, deno: Deno.version.deno },
    };
  }
}

/** What computed the answers: numbers may differ between adapters and precisions. */
async function deviceOf(session: Session): Promise<Record<string, unknown>> {
  const { adapter, backend, launcher } = await session.gpu();
  return {
    model: session.name,
    dtype: await session.dtype(),
    adapter,
    backend,
    kernels: launcher.target,
  };
}

/** What a run folder keeps of a record: of confidential items the id and the verdict only. */
function kept(rec: Rec): Rec {
  if (!taskOf(String(rec.get("task")))?.confidential) return rec;
  const names = ["task", "metrics", "flags", "extracted", "usage", "not_run", "error"];
  const fields = names.filter((name) => rec.has(name)).map((name) => [name, rec.get(name)]);
  return Rec.from({ id: rec.id, ...Object.fromEntries(fields) }, rec.where);
}

/** Refuses results that hold nothing, or less than was asked for. */
export function judge({ tasks, mean }: Results, least: number | undefined): void {
  const figures = Object.values(tasks);
  const scored = figures.reduce((sum, { items }) => sum + items, 0);
  const failed = figures.reduce((sum, { errors }) => sum + errors, 0);
  const reasons = figures.flatMap(({ not_run }) => Object.keys(not_run));
  if (scored === 0 && failed + reasons.length > 0) {
    const why = reasons.length > 0 ? `: ${reasons[0]}` : "";
    throw new Refusal(`Cannot score: no item could be scored${why}`);
  }
  if (least !== undefined && (mean === null || mean < least)) {
    const found = mean === null ? "nothing was scored" : `the mean is ${mean.toFixed(4)}`;
    throw new Refusal(`Cannot pass: ${found}, expected at least ${least}`);
  }
}
