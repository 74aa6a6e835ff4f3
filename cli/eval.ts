import { sample } from "../lib/decode.ts";
import { countItems, runTasks, taskIdentity } from "../lib/eval/harness.ts";
import { type OpenedTasks, openTasks } from "../lib/eval/open_tasks.ts";
import { RunFolder } from "../lib/eval/output.ts";
import { PyodideExecutor } from "../lib/eval/pyodide.ts";
import { Progress } from "../lib/eval/progress.ts";
import { resultTable } from "../lib/eval/report/table.ts";
import { type Results, Tally } from "../lib/eval/tally.ts";
import { evaluate, Tools } from "../lib/evaluate.ts";
import { sha256Json } from "../lib/model/digest.ts";
import { Rec } from "../lib/records/record.ts";
import type { Shard } from "../lib/records/select.ts";
import { Refusal } from "../lib/refusal.ts";
import { Session } from "../lib/session.ts";
import { VERSION } from "../lib/version.ts";
import { taskOf } from "../tasks/mod.ts";
import type { Command, Context } from "./command.ts";
import { decodeOptions } from "./decoding.ts";
import { findTasks } from "./find_tasks.ts";
import {
  DATA_FLAGS,
  DECODE_FLAGS,
  decodeFlags,
  INPUT_FLAGS,
  MODEL_FLAGS,
  openOptions,
  sessionOptions,
} from "./flags.ts";

/** `unmask eval`: scores of records, or of whole benchmarks. */
const command: Command = {
  summary: "Score answers, or run whole benchmarks",
  arguments: "[TASKS]",
  description:
    "With task names: items, generation and scoring in one process. Without: scores records on stdin.\nThe table goes to stderr; scored records to stdout unless that is a terminal.",
  examples: [
    "unmask eval nano --limit 20",
    "unmask eval nano --output runs/nano --threshold 0.8",
    "unmask tasks nano_math | unmask sample | unmask eval --json",
    "unmask eval nano --fail-under 0.5",
  ],
  flags: {
    output: { type: "string", value: "DIR", help: "keep samples, results and times; resumes" },
    force: { type: "boolean", help: "start over in a folder with other options" },
    json: { type: "boolean", help: "one summary object on stdout instead of records" },
    "fail-under": {
      type: "number",
      range: { min: 0, max: 1 },
      help: "exit 1 when the mean score is lower",
    },
    ...DATA_FLAGS,
    ...MODEL_FLAGS,
    ...DECODE_FLAGS,
    ...INPUT_FLAGS,
    limit: { ...INPUT_FLAGS.limit, help: "items of each task" },
  },
  async run(context) {
    const session = new Session(sessionOptions(context));
    const tools = new Tools(() => new PyodideExecutor());
    try {
      const tasks = findTasks(context.args);
      if (tasks.length > 0) {
        const opened = await openTasks(tasks, openOptions(context));
        await new Evaluation(context, tools, opened).run(session);
      } else await new Evaluation(context, tools).score(context.records([]));
    } finally {
      await tools.close();
      await session.close();
    }
  },
};
export default command;

/** One evaluation: records scored, kept, added up and reported. */
class Evaluation {
  readonly #tally = new Tally(taskOf);
  readonly #progress: Progress;
  #folder: RunFolder | undefined;

  constructor(
    readonly context: Context,
    readonly tools: Tools,
    readonly opened: OpenedTasks = { ready: [], missing: [] },
  ) {
    this.#progress = new Progress(this.#tally, context.progress);
  }

  /** Items of benchmarks, answered and scored. */
  async run(session: Session): Promise<void> {
    const { context: { flags, faults, signal }, tools, opened } = this;
    const selection = {
      tasks: opened.ready,
      limit: flags.limit as number | undefined,
      shard: flags.shard as Shard | undefined,
    };
    this.#progress.total = await countItems(selection);
    for (const { task, reason } of opened.missing) this.#tally.notRun(task.name, reason, 0);
    for (const { task, data } of opened.ready) if (data.sample) this.#tally.sample(task.name);
    const done = new Set<string>();
    try {
      if (flags.output !== undefined) {
        this.#folder = await RunFolder.open(flags.output as string, {
          identity: await this.#identity(session),
          force: flags.force === true,
        });
        for await (const rec of this.#folder.done()) {
          done.add(rec.id);
          this.#tally.add(rec);
        }
      }
      this.#progress.begin();
      const options = {
        ...decodeOptions(this.context, session),
        onDone: undefined,
        shareCache: !flags["no-cache"],
      };
      const generate = (records: AsyncIterable<Rec>) => sample(records, options);
      await this.#finish(
        runTasks({ ...selection, done, signal, generate, taskOf, tools, faults }),
      );
    } finally {
      await this.#folder?.close();
    }
  }

  /** Records that were answered elsewhere. */
  async score(records: AsyncIterable<Rec>): Promise<void> {
    const { tools, context: { faults } } = this;
    this.#progress.begin();
    await this.#finish(evaluate(records, { taskOf, tools, faults }));
  }

  async #finish(scored: AsyncIterable<Rec>): Promise<void> {
    const { context } = this;
    const counted = this.#counted(scored);
    if (context.terminal || context.flags.json) { for await (const _ of counted); }
    else await context.write(counted);
    const { seconds } = this.#progress;
    if (context.signal.aborted) {
      await this.#folder?.addTimes(seconds);
      return;
    }
    const results = this.#tally.results();
    await this.#folder?.finish(results, seconds);
    context.progress("");
    if (!context.flags.quiet) console.error(resultTable(results, seconds));
    if (context.flags.json) await context.print(`${JSON.stringify(results)}\n`);
    judge(results, context.flags["fail-under"] as number | undefined);
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
  async #identity(session: Session): Promise<Record<string, unknown>> {
    const { flags } = this.context;
    const gpu = await session.gpu();
    const tasks: Record<string, unknown> = {};
    for (const ready of this.opened.ready) {
      tasks[ready.task.name] = await sha256Json(await taskIdentity(ready));
    }
    return {
      options: {
        tasks: [...Object.keys(tasks), ...this.opened.missing.map(({ task }) => task.name)],
        limit: flags.limit ?? null,
        shard: flags.shard ?? null,
        decode: decodeFlags(flags),
        truncate: flags.truncate ?? null,
      },
      digests: { model: await session.digest(), tasks },
      dtype: await session.dtype(),
      adapter: gpu.adapter,
      backend: gpu.backend,
      kernels: gpu.launcher.target,
      versions: { unmask: VERSION, deno: Deno.version.deno },
    };
  }
}

/** What a run folder keeps of a record: of confidential items the id and the verdict only. */
function kept(rec: Rec): Rec {
  if (!taskOf(String(rec.get("task")))?.confidential) return rec;
  const names = ["task", "metrics", "flags", "extracted", "usage", "not_run", "error"];
  const fields = names.filter((name) => rec.has(name)).map((name) => [name, rec.get(name)]);
  return Rec.from({ id: rec.id, ...Object.fromEntries(fields) }, rec.where);
}

function judge({ tasks, mean }: Results, least: number | undefined): void {
  const scored = Object.values(tasks).reduce((sum, { items }) => sum + items, 0);
  const failed = Object.values(tasks).reduce((sum, { errors }) => sum + errors, 0);
  const reasons = Object.values(tasks).flatMap(({ not_run }) => Object.keys(not_run));
  if (scored === 0 && failed + reasons.length > 0) {
    throw new Refusal(
      `Cannot score: no item could be scored${reasons[0] ? `: ${reasons[0]}` : ""}`,
    );
  }
  if (least !== undefined && (mean === null || mean < least)) {
    const found = mean === null ? "nothing was scored" : `the mean is ${mean.toFixed(4)}`;
    throw new Refusal(`Cannot pass: ${found}, expected at least ${least}`);
  }
}
