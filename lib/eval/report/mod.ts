/** Edge: reports of a run, written beside its results. */
import { isFolder, writeAll, writeWhole, writingTo } from "../../folder.ts";
import { Refusal } from "../../refusal.ts";
import { readSamples, type RunFolder } from "../output.ts";
import type { Task } from "../task.ts";
import { NO_TASK, type Results, taskNameOf } from "../tally.ts";
import { htmlPage, type PageRun } from "./html.ts";
import { junitXml } from "./junit.ts";
import { lmEvalResults, lmEvalSample } from "./lm_eval.ts";
import { markdownSummary } from "./markdown.ts";

/** What reports are made of. */
export interface ReportOptions {
  readonly results: Results;
  readonly taskOf: (name: string) => Task | undefined;
  /** Also in the shape of lm-evaluation-harness. */
  readonly lmEval?: boolean;
  /** What the mean has to reach. */
  readonly least?: number;
}

/** Writes the reports of a finished run. */
export async function writeReports(folder: RunFolder, options: ReportOptions): Promise<void> {
  const { results, taskOf } = options;
  const { dir, identity } = folder;
  await writeWhole(`${dir}/report.html`, htmlPage([{ label: "", results, identity }], taskOf));
  await writeWhole(`${dir}/summary.md`, markdownSummary(results));
  await writeWhole(`${dir}/junit.xml`, junitXml(results, options));
  // One that an earlier part of the run wrote would lack what came since.
  const exported = options.lmEval || await isFolder(`${dir}/lm_eval`);
  if (exported) await writingTo(`${dir}/lm_eval`, () => writeLmEval(folder, options));
}

/** Adds what came out to the step summary of a CI job, where this is one. */
export async function addStepSummary(results: Results): Promise<void> {
  const path = Deno.env.get("GITHUB_STEP_SUMMARY");
  if (!path) return;
  const text = `${markdownSummary(results)}\n`;
  await writingTo(path, () => Deno.writeTextFile(path, text, { append: true }));
}

/** Folders of a sweep's runs, and the page above them. */
const OF_SWEEPS = /^(?:[\w-]+=.*|report\.html(?:\.tmp)?)$/;

/** Refuses a folder that holds anything but sweeps: a run in it would lose its page, and could not go on. */
export async function checkSweepFolder(dir: string): Promise<void> {
  if (!await isFolder(dir)) return;
  for await (const { name } of Deno.readDir(dir)) {
    if (OF_SWEEPS.test(name)) continue;
    throw new Refusal(
      `Cannot use "${dir}" for a sweep: it holds "${name}", expected a sweep's runs or an empty folder`,
    );
  }
}

/** Writes the page of a sweep above its runs' folders. */
export async function writeSweep(
  dir: string,
  runs: readonly PageRun[],
  taskOf: (name: string) => Task | undefined,
): Promise<void> {
  await writeWhole(`${dir}/report.html`, htmlPage(runs, taskOf));
}

async function writeLmEval(folder: RunFolder, { results, taskOf }: ReportOptions): Promise<void> {
  const dir = `${folder.dir}/lm_eval`;
  await Deno.mkdir(dir, { recursive: true });
  const text = JSON.stringify(lmEvalResults(results, folder.identity, taskOf), null, 2);
  await writeWhole(`${dir}/results.json`, `${text}\n`);
  const counts = new Map<string, number>();
  const files = new Map<string, Deno.FsFile>();
  try {
    for await (const rec of readSamples(folder.dir)) {
      const task = taskOf(taskNameOf(rec));
      // A task that is not known is no name for a file.
      const name = task?.name ?? NO_TASK;
      const index = counts.get(name) ?? 0;
      counts.set(name, index + 1);
      let file = files.get(name);
      if (!file) {
        files.set(name, file = await Deno.create(`${dir}/samples_${name.replace(":", "_")}.jsonl`));
      }
      await writeAll(file, `${lmEvalSample(rec, index, task)}\n`);
    }
  } finally {
    for (const file of files.values()) file.close();
  }
}
