/** A run, or the runs of a sweep, as one self-contained page. */
import type { Group, Task } from "../task.ts";
import type { Calibration, Results, TaskResult } from "../tally.ts";
import { baseName } from "../variants.ts";
import { page, wide } from "../../page/page.ts";
import { type Bar, barPlot, escape, pointPlot } from "../../page/svg.ts";
import { percent, reasons, scoredOf } from "./table.ts";

/** One run on a page. */
export interface PageRun {
  /** Empty for a run that is no part of a sweep. */
  readonly label: string;
  readonly results: Results;
  /** Options, digests, adapter, versions. */
  readonly identity: Readonly<Record<string, unknown>>;
}

const GROUPS: readonly Group[] = ["knowledge", "reasoning", "coding", "math", "agent"];

/** The page of one run, or of several. */
export function htmlPage(
  runs: readonly PageRun[],
  taskOf: (name: string) => Task | undefined,
): string {
  const [first] = runs;
  const title = runs.length > 1 ? "Unmask: a sweep" : "Unmask: an evaluation";
  const body = runs.length > 1
    ? [
      sweepPlot(runs, taskOf),
      ...runs.map(({ label, results }) =>
        `<h2>${escape(label)}</h2>${taskTable(results, taskOf)}${notRun(results)}`
      ),
    ]
    : [
      `<h2>Score by dimension</h2>${groupPlot(first.results, taskOf)}`,
      `<h2>Tasks</h2>${taskTable(first.results, taskOf)}`,
      notRun(first.results),
      calibrationPlot(first.results, taskOf),
      details(first.results),
    ];
  return page({ title, subtitle: headline(runs) }, [
    ...body,
    `<h2>What ran</h2><pre>${escapeLines(whatRan(runs))}</pre>`,
    `<details><summary>Digests</summary><pre>${
      escapeLines(first.identity.digests ?? {})
    }</pre></details>`,
  ]);
}

/** Options, adapter and versions; of a sweep the swept values in place of one run's. */
function whatRan(runs: readonly PageRun[]): Record<string, unknown> {
  const { digests: _, options, ...rest } = runs[0].identity;
  const swept = runs.length > 1 ? { sweep: runs.map(({ label }) => label) } : {};
  const { decode = {}, ...others } = (options ?? {}) as Record<string, unknown>;
  const same = Object.entries(decode as Record<string, unknown>).filter(([name, value]) =>
    runs.every(({ identity }) => decodeOf(identity)[name] === value)
  );
  return { ...swept, options: { ...others, decode: Object.fromEntries(same) }, ...rest };
}

function decodeOf({ options }: PageRun["identity"]): Record<string, unknown> {
  return (options as { decode?: Record<string, unknown> } | undefined)?.decode ?? {};
}

function headline(runs: readonly PageRun[]): string {
  const [{ results: { tasks, mean, mean_interval, lacking }, identity }] = runs;
  const count = Object.keys(tasks).length;
  const found = mean === null
    ? "nothing was scored"
    : `mean ${percent(mean)} (${mean_interval!.map(percent).join(" to ")}) ${scoredOf(tasks)}`;
  const what = runs.length > 1
    ? `${runs.length} runs of ${count} task${count === 1 ? "" : "s"}`
    : found;
  const { records } = (identity.options ?? {}) as { records?: string };
  // Records that are scored alone say themselves which model answered.
  const who = records === undefined
    ? `${identity.model} on ${identity.endpoint ?? identity.adapter}`
    : `answers from ${records}`;
  return `${what}; ${who}${lacking === undefined ? "" : `; incomplete: ${lacking}`}`;
}

function escapeLines(value: unknown): string {
  return JSON.stringify(value, null, 1).split("\n").map(escape).join("\n");
}

/** Our means, beside the report's where that has the same tasks. */
function groupPlot(results: Results, taskOf: (name: string) => Task | undefined): string {
  const groups = GROUPS.flatMap((group) => {
    const own = results.groups[group];
    if (!own) return [];
    const reported = Object.entries(results.tasks).flatMap(([name, { score }]) => {
      const task = taskOf(name);
      const counts = score !== null && task?.group === group && baseName(task) === name;
      return counts && task.reported ? [task.reported] : [];
    });
    const mean = (of: "mini" | "flash") =>
      reported.reduce((sum, row) => sum + row[of], 0) / reported.length / 100;
    const bars: Bar[] = [{ series: "this run", value: own.score, interval: own.interval }];
    if (reported.length === own.tasks) {
      bars.push({ series: "LLaDA2.0-mini, reported", value: mean("mini") });
      bars.push({ series: "LLaDA2.0-flash, reported", value: mean("flash") });
    }
    return [{ name: `${group} (${own.tasks})`, bars }];
  });
  return groups.length === 0
    ? "<p>Nothing was scored.</p>"
    : wide(barPlot("score by dimension", groups));
}

function taskTable(
  { tasks, mean, mean_interval }: Results,
  taskOf: (name: string) => Task | undefined,
): string {
  const reported = (name: string) => taskOf(name)?.reported;
  const any = Object.keys(tasks).some(reported);
  const figures = (...cells: (number | undefined)[]) =>
    any ? cells.map((cell) => `<td class="n">${cell?.toFixed(1) ?? ""}</td>`).join("") : "";
  const rows = Object.entries(tasks).map(([name, result]) =>
    `<tr><td>${escape(name)}${result.sample ? " <small>(sample)</small>" : ""}</td><td>${
      escape(result.metric)
    }</td><td class="n">${result.items}</td><td class="n">${
      result.score === null ? "–" : percent(result.score)
    }</td><td>${range(result)}</td>${
      figures(reported(name)?.mini, reported(name)?.flash)
    }<td class="n">${result.tokens_per_forward?.toFixed(2) ?? "–"}</td><td>${
      escape(result.score === null && result.errors === 0 ? "not run" : reasons(result).join(", "))
    }</td></tr>`
  );
  const both = any ? '<th class="n">mini<th class="n">flash' : "";
  const head =
    `<tr><th>task<th>metric<th class="n">items<th class="n">score<th>95% interval${both}<th class="n">tok/fwd<th>of which</tr>`;
  const last = mean === null || rows.length < 2
    ? ""
    : `<tr><td><b>mean</b><td><td><td class="n"><b>${percent(mean)}</b><td>${
      range({ score: mean, interval: mean_interval })
    }${any ? "<td><td>" : ""}<td><td>${scoredOf(tasks)}</tr>`;
  return wide(`<table>${head}${rows.join("")}${last}</table>`);
}

/** Why tasks are in no mean. */
function notRun({ tasks }: Results): string {
  const rows = Object.entries(tasks).filter(([, { score, errors }]) =>
    score === null && errors === 0
  ).map(([name, result]) =>
    `<tr><td>${escape(name)}</td><td>${escape(reasons(result).join(", "))}</td></tr>`
  );
  return rows.length === 0 ? "" : `<h2>Not run</h2><table>${rows.join("")}</table>`;
}

function range({ score, interval }: Pick<TaskResult, "score" | "interval">): string {
  if (score === null || interval === null) return "";
  const [low, high] = interval.map((end) => 100 * Math.min(1, Math.max(0, end)));
  const at = 100 * Math.min(1, Math.max(0, score));
  return `<div class="range" title="${low.toFixed(1)} to ${high.toFixed(1)}"><i style="left:${
    low.toFixed(1)
  }%;width:${(high - low).toFixed(1)}%"></i><b style="left:${at.toFixed(1)}%"></b></div>`;
}

/** Most curves that a plot tells apart. */
const CURVES = 5;

/** What a plot shows: tasks while they are few, else dimensions. */
function plotted(
  names: readonly string[],
  taskOf: (name: string) => Task | undefined,
): Map<string, string[]> {
  if (names.length <= CURVES) return new Map(names.map((name) => [name, [name]]));
  const known = GROUPS.map((group): [string, string[]] => [
    group,
    names.filter((name) => taskOf(name)?.group === group),
  ]);
  return new Map(known.filter(([, own]) => own.length > 0));
}

function calibrationPlot(
  { tasks }: Results,
  taskOf: (name: string) => Task | undefined,
): string {
  const names = Object.keys(tasks).filter((name) => tasks[name].calibration.length > 0);
  const curves = Array.from(plotted(names, taskOf), ([name, own]) => {
    const bins = pooled(own.flatMap((task) => tasks[task].calibration));
    const all = bins.reduce((sum, { items }) => sum + items, 0);
    return {
      name,
      points: bins.map(({ confidence, score, items }) => ({
        x: confidence,
        y: score,
        size: items / all,
      })),
    };
  });
  if (curves.length === 0) return "";
  const plot = pointPlot({
    title: "confidence calibration",
    xLabel: "mean confidence of an answer's tokens",
    yLabel: "score",
    xRange: [0, 1],
    curves,
    diagonal: true,
  });
  return `<h2>Confidence</h2><p>Answers by the mean confidence of their tokens; a point's area is their number. On the diagonal, confidence is what is right.</p>${
    wide(plot)
  }`;
}

/** Bins of several tasks as one task's: those of the same tenth together. */
function pooled(bins: readonly Calibration[]): Calibration[] {
  const tenths = Map.groupBy(bins, ({ confidence }) => Math.min(9, Math.floor(10 * confidence)));
  return [...tenths].sort(([a], [b]) => a - b).map(([, own]) => {
    const items = own.reduce((sum, bin) => sum + bin.items, 0);
    const mean = (of: (bin: Calibration) => number) =>
      own.reduce((sum, bin) => sum + bin.items * of(bin), 0) / items;
    return { items, confidence: mean((bin) => bin.confidence), score: mean((bin) => bin.score) };
  });
}

function sweepPlot(
  runs: readonly PageRun[],
  taskOf: (name: string) => Task | undefined,
): string {
  const names = [...new Set(runs.flatMap(({ results }) => Object.keys(results.tasks)))];
  const valueOf = ({ label }: PageRun) => label.split(" ").at(-1)!;
  // A line through numbers in another order than theirs would go back and forth; words stand behind them.
  const rank = (run: PageRun) =>
    Number.isNaN(Number(valueOf(run))) ? Infinity : Number(valueOf(run));
  const ordered = runs.toSorted((a, b) => rank(a) - rank(b) || 0);
  const curves = Array.from(plotted(names, taskOf), ([name, own]) => ({
    name,
    points: ordered.flatMap((run) => {
      const { results } = run;
      const known = own.flatMap((task) => {
        const { score, tokens_per_forward: rate } = results.tasks[task] ?? { score: null };
        return score === null || rate === null || rate === undefined ? [] : [{ score, rate }];
      });
      if (known.length === 0) return [];
      const mean = (of: "score" | "rate") =>
        known.reduce((sum, one) => sum + one[of], 0) / known.length;
      return [{ x: mean("rate"), y: mean("score"), label: valueOf(run) }];
    }),
  })).filter(({ points }) => points.length > 0);
  if (curves.length === 0) return "";
  const plot = pointPlot({
    title: "score against tokens per forward",
    xLabel: "tokens per forward",
    yLabel: "score",
    curves,
  });
  return `<h2>Score against tokens per forward</h2>${wide(plot)}`;
}

/** All metrics and parts of each task, folded away. */
function details({ tasks }: Results): string {
  const folded = Object.entries(tasks).flatMap(([name, { score, metric, metrics, parts }]) => {
    const others = Object.entries(metrics).filter(([other]) => other !== metric);
    if (score === null || (others.length === 0 && Object.keys(parts).length === 0)) return [];
    const means = others.length === 0 ? "" : table(
      ["metric", "mean"],
      Object.entries(metrics).map(([other, value]) => [other, Number(value.toFixed(4))]),
    );
    const ways = Object.entries(parts).map(([way, scores]) =>
      table(
        [way, "items", "score"],
        Object.entries(scores).map(([part, own]) => [part, own.items, percent(own.score)]),
      )
    );
    const what = [...(means ? ["metrics"] : []), ...Object.keys(parts).map((way) => `by ${way}`)];
    return [
      `<details><summary>${escape(name)}: ${escape(what.join(", "))}</summary>${means}${
        ways.join("")
      }</details>`,
    ];
  });
  return folded.length === 0 ? "" : `<h2>Details</h2>${folded.join("")}`;
}

/** A table whose first column is text, the others figures. */
function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[], tag: "th" | "td") =>
    `<tr>${
      cells.map((cell, i) => `<${tag}${i > 0 ? ' class="n"' : ""}>${escape(String(cell))}`).join("")
    }</tr>`;
  return `<table>${line(head, "th")}${rows.map((row) => line(row, "td")).join("")}</table>`;
}
