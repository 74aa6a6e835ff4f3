import { dataFolder, namedFolder } from "../lib/data/open.ts";
import { diffRuns, diffTable } from "../lib/eval/diff.ts";
import { openTasks } from "../lib/eval/open_tasks.ts";
import { readSamples } from "../lib/eval/output.ts";
import { checkSweepFolder, writeSweep } from "../lib/eval/report/mod.ts";
import { saved } from "../lib/eval/rescore.ts";
import { parseSweep } from "../lib/eval/sweep.ts";
import type { Results } from "../lib/eval/tally.ts";
import type { Task } from "../lib/eval/task.ts";
import { Tools } from "../lib/eval/evaluate.ts";
import { select, type Shard } from "../lib/records/select.ts";
import { Executors } from "../lib/exec/executors.ts";
import { Refusal } from "../lib/refusal.ts";
import { Session } from "../lib/session.ts";
import { taskOf } from "../tasks/mod.ts";
import type { Command, Context, FlagValues } from "./command.ts";
import { Evaluation, judge } from "./evaluation.ts";
import { findTasks } from "./find_tasks.ts";
import {
  checkReaders,
  checkTogether,
  DATA_FLAGS,
  DECODE_FLAGS,
  decodeFlags,
  INPUT_FLAGS,
  MODEL_FLAGS,
  openOptions,
  sessionOptions,
} from "./flags.ts";
import { usage } from "./parse.ts";
import { tell } from "./report.ts";
import { fileOf } from "./streams.ts";
import { judgeOf, SERVER_CONFLICTS, SERVER_FLAGS, serverOf } from "./servers.ts";

/** `unmask eval`: scores of records, or of whole benchmarks. */
const command: Command = {
  summary: "Score answers, or run whole benchmarks",
  arguments: "[TASKS] | diff RUN RUN",
  description:
    "With task names: items, generation and scoring in one process. Without: scores records on stdin.\nThe table goes to stderr; scored records to stdout unless that is a terminal.\n`eval diff A B` compares the folders of two runs item by item.\nNAME:VARIANT (`mmlu:5shot`) is another published form of a benchmark; `unmask tasks` lists them.\nA run in --output goes on where it was killed, matched by item id: --limit may grow, other\noptions refuse; records that failed are done again.",
  examples: [
    "unmask eval nano --limit 20",
    "unmask eval nano --output runs/nano --threshold 0.8",
    "unmask eval nano --output runs/sweep --sweep threshold=0.7,0.95",
    "unmask eval diff runs/a runs/b",
    "unmask eval gsm8k --endpoint http://localhost:30000 --limit 8",
    "unmask tasks nano_math | unmask sample | unmask eval --json",
    "unmask eval nano --fail-under 0.5",
  ],
  flags: {
    output: {
      type: "string",
      value: "DIR",
      help: "keep samples, results, times and reports; resumes",
    },
    force: { type: "boolean", help: "start over in a folder with other options" },
    json: { type: "boolean", help: "one summary object on stdout instead of records" },
    "fail-under": {
      type: "number",
      range: { min: 0, max: 1 },
      help: "exit 1 when the mean score is lower, or records failed",
    },
    all: { type: "boolean", help: "all benchmarks of the report" },
    rescore: { type: "string", value: "FILE", help: "score a run's samples.jsonl again" },
    sweep: {
      type: "string",
      value: "NAME=A,B,...",
      help: "a run for each value of a decode option, in folders of --output",
    },
    n: {
      type: "integer",
      range: { min: 1, max: 1000, whole: true },
      default: 1,
      help: "answers to each item; scores are their mean",
    },
    export: {
      type: "string",
      choices: ["lm-eval"],
      help: "also write --output DIR/lm_eval in lm-evaluation-harness's shape",
    },
    "as-reported": { type: "boolean", help: "the report's figures beside these" },
    ...DATA_FLAGS,
    ...SERVER_FLAGS,
    "judge-endpoint": {
      type: "string",
      value: "URL",
      help: "a language model that judges where the original does so",
    },
    "judge-model": { type: "string", value: "NAME", help: "its name" },
    "unsafe-exec": {
      type: "boolean",
      help: "run answers' programs without a sandbox where there is none",
    },
    ...MODEL_FLAGS,
    ...DECODE_FLAGS,
    ...INPUT_FLAGS,
    limit: { ...INPUT_FLAGS.limit, help: "items of each task; without TASKS the first N records" },
  },
  conflicts: [["rescore", "sweep"], ["rescore", "n"], ["rescore", "endpoint"], ...SERVER_CONFLICTS],
  requires: [
    ["force", "output"],
    ["sweep", "output"],
    ["export", "output"],
    ["judge-model", "judge-endpoint"],
  ],
  async run(context) {
    if (context.args[0] === "diff") return await compare(context, context.args.slice(1));
    const session = new Session(sessionOptions(context));
    const executors = new Executors({ unsafeExec: context.flags["unsafe-exec"] === true });
    const tools = new Tools(executors, judgeOf(context), namedFolder(openOptions(context)));
    try {
      await evaluateWith(context, { session, tools, executors });
    } finally {
      await tools.close();
      await session.close();
    }
  },
};
export default command;

/** What a command evaluates with. */
interface Means {
  readonly session: Session;
  readonly tools: Tools;
  readonly executors: Executors;
}

/** A run's figures; `sweep` names the run among those of a sweep. */
interface Labelled {
  readonly results: Results;
  readonly sweep?: string;
}

async function evaluateWith(context: Context, means: Means): Promise<void> {
  const { flags, args } = context;
  const tasks = findTasks(flags.all ? ["report", ...args] : args);
  const runs = flags.rescore !== undefined
    ? await scoreSaved(context, means, tasks)
    : tasks.length === 0
    ? await scoreRecords(context, means)
    : await runTasks(context, means, tasks);
  const least = flags["fail-under"] as number | undefined;
  if (context.signal.aborted) {
    if (least === undefined) return;
    throw new Refusal("Cannot pass: the run was stopped, expected all records to be scored");
  }
  for (const { sweep, results } of flags.json ? runs : []) {
    await context.print(`${JSON.stringify({ ...sweep && { sweep }, ...results })}\n`);
  }
  const { first, policy } = context.faults;
  for (const { results } of runs) judge(results, { least, first, partial: policy !== "stop" });
}

/** Scores a run's samples again. */
async function scoreSaved(context: Context, { tools }: Means, tasks: Task[]): Promise<Labelled[]> {
  const { flags } = context;
  refuseIdle(flags);
  const output = flags.output as string | undefined;
  const file = flags.rescore as string;
  await checkApart([file, `${file}/samples.jsonl`], output);
  const opened = await openTasks(tasks, openOptions(context));
  const limit = flags.limit as number | undefined;
  const read = () => readSamples(file);
  // With tasks the limit is of items that the file must have, else of its records, as on stdin.
  const all = saved(read, { file, tasks: opened.ready, limit, signal: context.signal });
  const records = select(all, {
    shard: flags.shard as Shard | undefined,
    limit: tasks.length === 0 ? limit : undefined,
  });
  return [{ results: await new Evaluation(context, { tools, output }).score(records, file) }];
}

/** Scores records on stdin. */
async function scoreRecords(context: Context, { tools }: Means): Promise<Labelled[]> {
  refuseIdle(context.flags, ["sweep", "n", "endpoint"]);
  const output = context.flags.output as string | undefined;
  await dataFolder(openOptions(context));
  await checkApart(["/dev/stdin"], output);
  const evaluation = new Evaluation(context, { tools, output });
  return [{ results: await evaluation.score(context.records([]), "stdin") }];
}

/** Runs whole tasks, once or for each value of a sweep; nothing where it was stopped. */
async function runTasks(
  context: Context,
  { session, tools, executors }: Means,
  tasks: Task[],
): Promise<Labelled[]> {
  const { flags } = context;
  const output = flags.output as string | undefined;
  const swept = (flags.sweep as string | undefined)?.split("=")[0].replaceAll("_", "-") ?? "";
  if (Object.hasOwn(flags, swept)) {
    throw usage(`Cannot use --${swept} with a --sweep of it: expected one of them`);
  }
  const sweep = parseSweep(flags.sweep as string | undefined);
  const given = decodeFlags(flags);
  for (const { decode, label } of sweep) {
    const values = { ...given, ...decode };
    checkTogether(values, `--sweep at ${label}`);
    if (!("policy" in decode)) checkReaders(values);
  }
  if (flags.sweep !== undefined) await checkSweepFolder(output!);
  const opened = await openTasks(tasks, {
    ...openOptions(context),
    sandboxRefusal: (task) => executors.sandboxRefusal(task),
  });
  const answering = { session, server: serverOf(context) };
  const pages = [];
  for (const { folder, label, decode } of sweep) {
    if (label && !flags.quiet) tell(`${label}:`);
    const own = output === undefined ? undefined : `${output}${folder}`;
    const evaluation = new Evaluation(context, { tools, opened, output: own, decode });
    const results = await evaluation.run(answering);
    if (context.signal.aborted) return [];
    pages.push({ label, results, identity: evaluation.identity });
  }
  if (pages.length > 1) await writeSweep(output!, pages, taskOf);
  return pages.map(({ label, results }) => ({ results, sweep: label }));
}

/** Refuses flags that decide how records are answered, over some that are. */
function refuseIdle(flags: FlagValues, others: readonly string[] = []): void {
  const { "no-cache": _, ...model } = MODEL_FLAGS;
  const idle = [...others, ...Object.keys({ ...DECODE_FLAGS, ...model })]
    .find((name) => flags[name] !== undefined);
  if (idle === undefined) return;
  throw usage(`Cannot use --${idle} on records: they are answered, expected TASKS to run`);
}

/** Refuses a run's own samples as the input of what would write them. */
async function checkApart(inputs: readonly string[], output: string | undefined): Promise<void> {
  const own = output === undefined ? undefined : await fileOf(`${output}/samples.jsonl`);
  for (const input of own === undefined ? [] : inputs) {
    if (await fileOf(input) !== own) continue;
    throw usage(
      `Cannot write "${output}": its samples are also the input, expected another folder`,
    );
  }
}

async function compare(context: Context, runs: readonly string[]): Promise<void> {
  if (runs.length !== 2) {
    const found = `${runs.length} run${runs.length === 1 ? "" : "s"}`;
    throw usage(`Cannot compare ${found}: expected "eval diff RUN RUN"`);
  }
  const idle = Object.keys(command.flags).find((name) =>
    name !== "json" && context.flags[name] !== undefined
  );
  if (idle !== undefined) {
    throw usage(`Cannot use --${idle} with eval diff: expected no flag but --json`);
  }
  const [before, after] = runs.map(readSamples);
  const diffs = await diffRuns(before, after, taskOf, context.notice);
  await context.print(context.flags.json ? `${JSON.stringify(diffs)}\n` : `${diffTable(diffs)}\n`);
}
