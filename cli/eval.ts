import { sample } from "../lib/decode.ts";
import { RunFolder } from "../lib/eval/output.ts";
import { PyodideExecutor } from "../lib/eval/pyodide.ts";
import { meanScore, resultTable, Tally, taskRecords } from "../lib/eval/run.ts";
import { evaluate, Tools } from "../lib/evaluate.ts";
import type { Rec } from "../lib/records/record.ts";
import { select, type Shard } from "../lib/records/select.ts";
import { Refusal } from "../lib/refusal.ts";
import { Session } from "../lib/session.ts";
import { taskOf } from "../tasks/mod.ts";
import type { Command, Context } from "./command.ts";
import { decodeOptions } from "./decoding.ts";
import { findTasks } from "./find_tasks.ts";
import { DECODE_FLAGS, decodeFlags, INPUT_FLAGS, MODEL_FLAGS, sessionOptions } from "./flags.ts";

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
    ...MODEL_FLAGS,
    ...DECODE_FLAGS,
    ...INPUT_FLAGS,
    limit: { ...INPUT_FLAGS.limit, help: "items of each task" },
  },
  async run(context) {
    const tasks = findTasks(context.args);
    const session = new Session(sessionOptions(context));
    const tools = new Tools(() => new PyodideExecutor());
    const tally = new Tally((name) => taskOf(name)?.metric ?? "acc");
    const clock = new Clock();
    const { flags, faults } = context;
    const limit = flags.limit as number | undefined;
    let folder: RunFolder | undefined;
    try {
      if (flags.output !== undefined) {
        folder = await RunFolder.open(flags.output as string, {
          identity: await identityOf(context, session, tasks.map(({ name }) => name)),
          force: flags.force === true,
        });
        folder.done.forEach((rec) => tally.add(rec));
      }
      const skip = new Set(folder?.done.map(({ id }) => id));
      const items = ReadableStream.from(taskRecords(tasks, { limit, skip }));
      const shard = flags.shard as Shard | undefined;
      const source = tasks.length > 0
        ? sample(untilStopped(select(items, { shard }), context), {
          ...decodeOptions(context, session),
          shareCache: !flags["no-cache"],
        })
        : context.records([]);
      const scored = counted(evaluate(source, { taskOf, tools, faults }), async (rec) => {
        tally.add(rec);
        clock.lap(String(rec.get("task")));
        await folder?.append(rec);
        context.progress(`${tally.items} items scored`);
      });
      if (context.terminal || flags.json) await drain(scored);
      else await context.write(scored);
      const results = tally.results();
      if (context.signal.aborted) {
        await folder?.addTimes(clock.seconds);
        return;
      }
      await folder?.finish(results, clock.seconds);
      context.progress("");
      if (!flags.quiet) console.error(resultTable(results, clock.seconds));
      if (flags.json) await context.print(`${JSON.stringify({ tasks: results })}\n`);
      judge(results, flags["fail-under"] as number | undefined);
    } finally {
      await folder?.close();
      await tools.close();
      await session.close();
    }
  },
};
export default command;

/** Everything that decides the results of a run. */
async function identityOf(context: Context, session: Session, tasks: string[]) {
  const { flags } = context;
  return {
    options: {
      tasks,
      limit: flags.limit ?? null,
      shard: flags.shard ?? null,
      decode: decodeFlags(flags),
      truncate: flags.truncate ?? null,
    },
    digests: { model: await session.digest() },
    dtype: await session.dtype(),
    adapter: (await session.gpu()).adapter,
  };
}

/** Seconds since the last scored record count for the record's task. */
class Clock {
  readonly seconds: Record<string, number> = {};
  #last = performance.now();

  lap(task: string): void {
    const now = performance.now();
    this.seconds[task] = (this.seconds[task] ?? 0) + (now - this.#last) / 1000;
    this.#last = now;
  }
}

async function* counted(
  records: AsyncIterable<Rec>,
  each: (rec: Rec) => Promise<void>,
): AsyncGenerator<Rec> {
  for await (const rec of records) {
    await each(rec);
    yield rec;
  }
}

async function* untilStopped(records: AsyncIterable<Rec>, context: Context): AsyncGenerator<Rec> {
  for await (const rec of records) {
    if (context.signal.aborted) return;
    yield rec;
  }
}

async function drain(records: AsyncIterable<Rec>): Promise<void> {
  for await (const rec of records) void rec;
}

function judge(results: ReturnType<Tally["results"]>, least: number | undefined): void {
  const mean = meanScore(results);
  const failed = Object.values(results).reduce((sum, { errors }) => sum + errors, 0);
  if (mean === undefined && failed > 0) {
    throw new Refusal(`Cannot score: 0 of ${failed} items could be scored`);
  }
  if (least !== undefined && (mean === undefined || mean < least)) {
    const found = mean === undefined ? "nothing was scored" : `the mean is ${mean.toFixed(4)}`;
    throw new Refusal(`Cannot pass: ${found}, expected at least ${least}`);
  }
}
