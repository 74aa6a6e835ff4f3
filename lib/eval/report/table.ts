/** A run's results as a table for people at a terminal. */
import type { Results, TaskResult } from "../tally.ts";

/** Lines of text, columns padded; the first column left, others right, the last one left again. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  const last = widths.length - 1;
  return rows.map((row) =>
    row.map((cell, i) => i === 0 || i === last ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))
      .join("  ").trimEnd()
  ).join("\n");
}

/** Scores on 0..1 as people read them. */
export function percent(score: number): string {
  return (100 * score).toFixed(1);
}

/** One line a task, and the mean. */
export function resultTable(
  { tasks, mean }: Results,
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
  if (rows.length > 1 && mean !== null) rows.push(["mean", "", percent(mean), "", "", "", ""]);
  return columns([head, ...rows]);
}

/** Why a score is low, and what is not in it. */
export function reasons(result: TaskResult): string[] {
  const { unparsed, cut, timeouts, wrong, errors, items, not_run } = result;
  const counts: [number, string][] = [
    [wrong, "wrong"],
    [unparsed, "unparsed"],
    [cut, "cut at length"],
    [timeouts, "timeouts"],
    [errors, "errors"],
  ];
  return [
    ...counts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`),
    ...(items > 0 && unparsed === items ? ["always unparsed"] : []),
    ...Object.entries(not_run).map(([reason, count]) =>
      count > 0 ? `${count} not run: ${reason}` : `not run: ${reason}`
    ),
  ];
}
