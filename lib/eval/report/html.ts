/** A run, or the runs of a sweep, as one self-contained page. */
import type { Group, Task } from "../task.ts";
import type { Results, TaskResult } from "../tally.ts";
import { barPlot, escape, pointPlot } from "./svg.ts";
import { percent, reasons } from "./table.ts";

/** One run on a page. */
export interface PageRun {
  /** Empty for a run that is no part of a sweep. */
  readonly label: string;
  readonly results: Results;
  /** Options, digests, adapter, versions. */
  readonly identity: Readonly<Record<string, unknown>>;
}

const GROUPS: readonly Group[] = ["knowledge", "reasoning", "coding", "math", "agent"];

const STYLE = `
:root{color-scheme:light dark;--ink:#1c2733;--soft:#5d6b7a;--line:#d9dfe6;--back:#fff;--panel:#f6f8fa;
--c0:#2563eb;--c1:#f59e0b;--c2:#10b981;--c3:#a855f7;--c4:#ef4444}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9aa7b4;--line:#30363d;--back:#0d1117;--panel:#161b22}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back);max-width:1000px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2.2rem 0 .6rem}p{color:var(--soft);margin:.3rem 0}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th{text-align:left;color:var(--soft);font-weight:500}
td,th{padding:.3rem .6rem;border-bottom:1px solid var(--line)}td.n,th.n{text-align:right}
svg{width:100%;max-width:760px;background:var(--panel);border-radius:8px}svg text{font:12px system-ui;fill:var(--soft)}
.grid{stroke:var(--line);fill:none}.whisker{stroke:var(--ink);stroke-width:1.5}.axis{text-anchor:middle}
.line{fill:none;stroke-width:2}
${[0, 1, 2, 3, 4].map((i) => `.s${i}{fill:var(--c${i})}.l${i}{stroke:var(--c${i})}`).join("")}
.range{position:relative;height:.6rem;background:var(--panel);border-radius:3px;min-width:120px}
.range i{position:absolute;top:0;bottom:0;background:var(--c0);opacity:.35;border-radius:3px}
.range b{position:absolute;top:-2px;bottom:-2px;width:2px;background:var(--c0)}
pre{background:var(--panel);padding:.8rem;border-radius:8px;overflow:auto;font-size:12px}details{margin:.5rem 0}summary{cursor:pointer}
`;

/** The page of one run, or of several. */
export function htmlPage(
  runs: readonly PageRun[],
  taskOf: (name: string) => Task | undefined,
): string {
  const [first] = runs;
  const title = runs.length > 1 ? "Unmask: a sweep" : "Unmask: an evaluation";
  const body = runs.length > 1
    ? [
      sweepPlot(runs),
      ...runs.map((run) => `<h2>${escape(run.label)}</h2>${taskTable(run.results)}`),
    ]
    : [
      `<h2>Score by dimension</h2>${groupPlot(first.results, taskOf)}`,
      `<h2>Tasks</h2>${taskTable(first.results)}`,
      calibrationPlot(first.results),
      partTables(first.results),
    ];
  const { options, ...rest } = first.identity;
  return [
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title>`,
    `<meta name="viewport" content="width=device-width"><style>${STYLE}</style>`,
    `<h1>${title}</h1><p>${escape(headline(runs))}</p>`,
    ...body,
    `<h2>What ran</h2><pre>${escapeLines({ options, ...rest })}</pre></html>\n`,
  ].join("\n");
}

function headline(runs: readonly PageRun[]): string {
  const [{ results, identity }] = runs;
  const count = Object.keys(results.tasks).length;
  const tasks = `${count} task${count === 1 ? "" : "s"}`;
  const mean = results.mean === null ? "nothing was scored" : `mean ${percent(results.mean)}`;
  const what = runs.length > 1 ? `${runs.length} runs of ${tasks}` : `${tasks}, ${mean}`;
  const where = identity.endpoint ?? identity.adapter ?? "records from elsewhere";
  return `${what}; ${identity.model ?? "a model"} on ${where}`;
}

function escapeLines(value: unknown): string {
  return JSON.stringify(value, null, 1).split("\n").map(escape).join("\n");
}

/** Our means beside the report's, over the same tasks. */
function groupPlot(results: Results, taskOf: (name: string) => Task | undefined): string {
  const groups = GROUPS.flatMap((group) => {
    const own = results.groups[group];
    if (!own) return [];
    const reported = Object.entries(results.tasks).flatMap(([name, { score }]) => {
      const task = taskOf(name);
      return score !== null && task?.group === group && task.reported ? [task.reported] : [];
    });
    const mean = (of: "mini" | "flash") =>
      reported.reduce((sum, row) => sum + row[of], 0) / reported.length / 100;
    const bars = [{ series: "this run", value: own.score }];
    if (reported.length > 0) {
      bars.push({ series: "LLaDA2.0-mini, reported", value: mean("mini") });
      bars.push({ series: "LLaDA2.0-flash, reported", value: mean("flash") });
    }
    return [{ name: `${group} (${own.tasks})`, bars }];
  });
  return groups.length === 0 ? "<p>Nothing was scored.</p>" : barPlot("score by dimension", groups);
}

function taskTable({ tasks, mean }: Results): string {
  const rows = Object.entries(tasks).map(([name, result]) =>
    `<tr><td>${escape(name)}${
      result.sample ? " <small>(sample)</small>" : ""
    }</td><td class="n">${result.items}</td><td class="n">${
      result.score === null ? "–" : percent(result.score)
    }</td><td>${range(result)}</td><td class="n">${
      result.tokens_per_forward?.toFixed(2) ?? "–"
    }</td><td>${escape(reasons(result).join(", "))}</td></tr>`
  );
  const head =
    '<tr><th>task<th class="n">items<th class="n">score<th>95% interval<th class="n">tokens/forward<th>of which</tr>';
  const last = mean === null || rows.length < 2
    ? ""
    : `<tr><td>mean<td><td class="n"><b>${percent(mean)}</b><td><td><td></tr>`;
  return `<table>${head}${rows.join("")}${last}</table>`;
}

function range({ score, interval }: TaskResult): string {
  if (score === null || interval === null) return "";
  const [low, high] = interval.map((end) => 100 * Math.min(1, Math.max(0, end)));
  const at = 100 * Math.min(1, Math.max(0, score));
  return `<div class="range" title="${low.toFixed(1)} to ${high.toFixed(1)}"><i style="left:${
    low.toFixed(1)
  }%;width:${(high - low).toFixed(1)}%"></i><b style="left:${at.toFixed(1)}%"></b></div>`;
}

function calibrationPlot({ tasks }: Results): string {
  const curves = Object.entries(tasks).filter(([, { calibration }]) => calibration.length > 0)
    .slice(0, 5).map(([name, { calibration, items }]) => ({
      name,
      points: calibration.map(({ confidence, score, items: own }) => ({
        x: confidence,
        y: score,
        size: own / items,
      })),
    }));
  if (curves.length === 0) return "";
  const plot = pointPlot({
    title: "confidence calibration",
    xLabel: "mean confidence of an answer's tokens",
    yLabel: "score",
    xRange: [0, 1],
    curves,
    diagonal: true,
  });
  return `<h2>Confidence</h2><p>Items by the mean confidence of their tokens; on the diagonal, confidence is what is right.</p>${plot}`;
}

function sweepPlot(runs: readonly PageRun[]): string {
  const names = [...new Set(runs.flatMap(({ results }) => Object.keys(results.tasks)))];
  const curves = names.slice(0, 5).map((name) => ({
    name,
    points: runs.flatMap(({ label, results }) => {
      const { score, tokens_per_forward: x } = results.tasks[name] ?? { score: null };
      return score === null || x === null || x === undefined
        ? []
        : [{ x, y: score, label: label.split(" ").at(-1) }];
    }),
  })).filter(({ points }) => points.length > 0);
  if (curves.length === 0) return "";
  const plot = pointPlot({
    title: "score against tokens per forward",
    xLabel: "tokens per forward",
    yLabel: "score",
    curves,
  });
  return `<h2>Score against tokens per forward</h2>${plot}`;
}

function partTables({ tasks }: Results): string {
  return Object.entries(tasks).flatMap(([name, { parts }]) =>
    Object.entries(parts).map(([way, scores]) => {
      const rows = Object.entries(scores).map(([part, { score, items }]) =>
        `<tr><td>${escape(part)}</td><td class="n">${items}</td><td class="n">${
          percent(score)
        }</td></tr>`
      );
      return `<details><summary>${escape(name)} by ${escape(way)}</summary><table>${
        rows.join("")
      }</table></details>`;
    })
  ).join("");
}
