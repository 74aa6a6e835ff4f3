/** A run as JUnit XML: a test case a task, so that CI systems show which were run and which failed. */
import type { Results, TaskResult } from "../tally.ts";
import { escape } from "../../page/svg.ts";
import { percent, reasons } from "./table.ts";

/**
 * One test case a task: failed when records failed, skipped when nothing could be scored. One more where the mean
 * has to be at `least` so high, and one where shards are missing.
 */
export function junitXml(
  { tasks, mean, lacking }: Results,
  { least }: { least?: number } = {},
): string {
  const cases = Object.entries(tasks).map(([name, result]) =>
    `  <testcase classname="unmask.eval" name="${escape(name)}" assertions="${result.items}">${
      outcome(result)
    }</testcase>`
  );
  const low = least !== undefined && !(mean !== null && mean >= least);
  if (least !== undefined) {
    const found = mean === null ? "nothing was scored" : `the mean is ${mean.toFixed(4)}`;
    const verdict = low
      ? `<failure message="${found}, expected at least ${least}"/>`
      : `<system-out>${found}</system-out>`;
    cases.push(`  <testcase classname="unmask.eval" name="mean">${verdict}</testcase>`);
  }
  if (lacking !== undefined) {
    const failure = `<failure message="${escape(lacking)}"/>`;
    cases.push(`  <testcase classname="unmask.eval" name="shards">${failure}</testcase>`);
  }
  const failed = Object.values(tasks).filter(({ errors }) => errors > 0).length + (low ? 1 : 0) +
    (lacking === undefined ? 0 : 1);
  const skipped = Object.values(tasks).filter(({ errors, items }) => errors === 0 && items === 0);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuite name="unmask eval" tests="${cases.length}" failures="${failed}" skipped="${skipped.length}">`,
    ...cases,
    "</testsuite>",
    "",
  ].join("\n");
}

function outcome(result: TaskResult): string {
  const why = escape(reasons(result).join(", "));
  if (result.errors > 0) {
    return `<failure message="${result.errors} records failed">${why}</failure>`;
  }
  if (result.score === null) return `<skipped message="${why}"/>`;
  const [low, high] = result.interval!.map(percent);
  const score = `score ${percent(result.score)} (${low} to ${high})`;
  return `<system-out>${[score, why].filter(Boolean).join("; ")}</system-out>`;
}
