/** Tables of docs/performance.md as Markdown. */
import type { Row } from "./report.ts";

/** Lines of cells under a head; the first columns are text, by default two. */
export function table(
  head: readonly string[],
  lines: readonly (readonly string[])[],
  texts = 2,
): string {
  const rule = head.map((_, i) => i < texts ? "---" : "--:");
  return [head, rule, ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** Rows as measured: time, or the rate where the rate is the point. */
export function rowsTable(rows: readonly Row[]): string {
  const lines = rows.map(({ name, shape, ms, gbps, gflops, share, note }) => [
    name,
    shape ?? "",
    threeDigits(ms),
    threeDigits(gbps),
    threeDigits(gflops),
    share === undefined ? "" : percent(share),
    note ?? "",
  ]);
  return usedTable(["what", "shape", "ms", "GB/s", "GFLOP/s", "of ceiling", "note"], lines, 2);
}

/** What a column of a table of shapes holds: the rows whose shape is this. */
export interface Column {
  readonly head: string;
  readonly shape: RegExp;
}

/**
 * A line for each name: milliseconds of each shape and the share of the ceiling, and the commit where rows are
 * of another one than their run's.
 */
export function columnsTable(rows: readonly Row[], columns: readonly Column[]): string {
  const lines = [...Map.groupBy(rows, ({ name }) => name)].map(([name, own]) => [
    name,
    ...columns.map((column) => {
      const { ms, share } = own.find(({ shape }) => column.shape.test(shape ?? "")) ?? {};
      return `${threeDigits(ms)}${share === undefined ? "" : ` (${percent(share)})`}`;
    }),
    own.map(({ note }) => /commit (\w+)/.exec(note ?? "")?.[1]).find(Boolean) ?? "",
  ]);
  return usedTable(["ms (of ceiling)", ...columns.map(({ head }) => head), "commit"], lines, 1);
}

/** A table without the columns that no line has anything in. */
function usedTable(
  head: readonly string[],
  lines: readonly (readonly string[])[],
  texts: number,
): string {
  const used = head.map((_, i) => lines.some((cells) => cells[i] !== ""));
  const kept = (cells: readonly string[]) => cells.filter((_, i) => used[i]);
  return table(kept(head), lines.map(kept), texts);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)}%`;
}

function threeDigits(value: number | undefined): string {
  return value === undefined ? "" : value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
