/** A run's results as a table for people at a terminal. */
import { visible } from "../../refusal.ts";
import { intervalOfMean } from "../stats.ts";
import type { Reported, Task } from "../task.ts";
import type { Results, TaskResult } from "../tally.ts";

/** Lines of text in columns; those that hold numbers alone stand to the right. */
export function columns(lines: readonly (readonly string[])[]): string {
  const rows = lines.map((line) => line.map(visible));
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  const last = widths.length - 1;
  const figures = rows[0].map((_, i) =>
    i > 0 && i < last && rows.slice(1).every((row) => /^[-+<\d. to]*$/.test(row[i]))
  );
  return rows.map((row) =>
    row.map((cell, i) => figures[i] ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))
      .join("  ").trimEnd()
  ).join("\n");
}

/** Scores on 0..1 as people read them. */
export function percent(score: number): string {
  return (100 * score).toFixed(1);
}

/** One line a task, and the mean. */
export function resultTable(
  { tasks, mean, mean_interval }: Results,
  seconds: Readonly<Record<string, number>> = {},
): string {
  const head = ["task", "items", "score", "95% interval", "tok/fwd", "seconds", "of which"];
  const rows = Object.entries(tasks).map(([name, result]) => [
    result.sample ? `${name} (sample)` : name,
    String(result.items),
    result.score === null ? "-" : percent(result.score),
    result.interval === null ? "-" : result.interval.map(percent).join(" to "),
    result.tokens_per_forward?.toFixed(2) ?? "-",
    seconds[name] === undefined ? "-" : seconds[name].toFixed(1),
    reasons(result).join(", "),
  ]);
  if (rows.length > 1 && mean !== null) {
    const range = mean_interval!.map(percent).join(" to ");
    rows.push(["mean", "", percent(mean), range, "", "", scoredOf(tasks)]);
  }
  return columns([head, ...rows]);
}

/** How many tasks a mean is of. */
export function scoredOf(tasks: Results["tasks"]): string {
  const all = Object.values(tasks);
  const scored = all.filter(({ score }) => score !== null);
  const found = scored.length < all.length ? `${scored.length} of ${all.length}` : all.length;
  return `of ${found} task${all.length === 1 ? "" : "s"}`;
}

/** Settings that the report states (section 6.1); all else about its runs is unknown. */
const REPORTED_SETTINGS = { temperature: 0, block_length: 32, threshold: 0.95 };

/** The report's figures beside these. */
export function reportedTable(
  { tasks }: Results,
  taskOf: (name: string) => Task | undefined,
): string {
  const head = ["task", "score", "95% interval", "mini", "flash", "qwen3-30b", "ling-flash", ""];
  const number = (value: number | undefined) => value?.toFixed(2) ?? "-";
  const rows = Object.entries(tasks).flatMap(([name, result]) => {
    const task = taskOf(name);
    const reported = task?.reported;
    if (!reported) return [];
    const notes = [
      ...Object.entries(REPORTED_SETTINGS).flatMap(([name, wanted]) => {
        const used = result.decode?.[name];
        return used === undefined || used === wanted ? [] : [`${name} ${used}`];
      }),
      ...(result.decode ? [`gen_length ${result.decode.gen_length}`] : []),
      ...(result.sample ? ["a sample of the data"] : []),
      ...(task.deviations ?? []),
    ];
    return [[
      name,
      result.score === null ? "-" : (100 * result.score).toFixed(2),
      result.interval === null ? "-" : result.interval.map(percent).join(" to "),
      number(reported.mini),
      number(reported.flash),
      number(reported.qwen),
      number(reported.ling),
      notes.join("; "),
    ]];
  });
  if (rows.length === 0) return "The report has none of these tasks";
  const mean = reportedMean({ tasks }, taskOf);
  if (mean && rows.length > 1) rows.push(mean);
  const settings = Object.entries(REPORTED_SETTINGS).map(([name, value]) => `${name} ${value}`);
  return `${columns([head, ...rows])}\nThe report ran at ${
    settings.join(", ")
  }; it names no lengths`;
}

/** Our mean and the report's over the same tasks: those that were scored and that the report has. */
function reportedMean(
  { tasks }: Pick<Results, "tasks">,
  taskOf: (name: string) => Task | undefined,
): string[] | undefined {
  const both = Object.entries(tasks).flatMap(([name, { score, interval }]) => {
    const reported = taskOf(name)?.reported;
    return score === null || !reported ? [] : [{ score, interval: interval!, reported }];
  });
  if (both.length === 0) return undefined;
  const mean = (values: readonly number[]) =>
    (values.reduce((sum, value) => sum + value, 0) / values.length).toFixed(2);
  const column = (of: (reported: Reported) => number | undefined) => {
    const values = both.flatMap(({ reported }) => of(reported) ?? []);
    return values.length === both.length ? mean(values) : "-";
  };
  return [
    "mean",
    mean(both.map(({ score }) => 100 * score)),
    intervalOfMean(both).map(percent).join(" to "),
    column(({ mini }) => mini),
    column(({ flash }) => flash),
    column(({ qwen }) => qwen),
    column(({ ling }) => ling),
    `of these ${both.length} tasks`,
  ];
}

/** Why a score is low, and what is not in it. */
export function reasons(result: TaskResult): string[] {
  const { unparsed, cut, timeouts, out_of_memory, wrong, errors, items, answers, not_run } = result;
  const counts: [number, string][] = [
    [wrong, "wrong"],
    [unparsed, "unparsed"],
    [cut, "cut at length"],
    [timeouts, "timeouts"],
    [out_of_memory, "out of memory"],
    [errors, "failed: incomplete"],
  ];
  return [
    ...(answers > items ? [`${answers} answers`] : []),
    ...counts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`),
    ...(answers > 0 && unparsed === answers ? ["always unparsed"] : []),
    ...Object.entries(not_run).map(([reason, count]) =>
      count > 0 ? `${count} not run: ${reason}` : `not run: ${reason}`
    ),
  ];
}
