/** The benchmarks as a list: for the terminal, for scripts and for the README. */
import type { Source } from "../../data/source.ts";
import { sourcesOf, type Task } from "../task.ts";
import { columns } from "./table.ts";

/** What is said of one benchmark. */
export interface TaskRow {
  readonly name: string;
  readonly title: string;
  readonly group: string;
  readonly items: number;
  readonly metric: string;
  readonly interactive: boolean;
  readonly licence: string;
  readonly source: string;
  readonly summary: string;
  readonly mini: number | null;
  readonly flash: number | null;
}

/** One row a benchmark. */
export function taskRows(tasks: readonly Task[]): TaskRow[] {
  return tasks.map((task) => {
    const [source] = sourcesOf(task);
    return {
      name: task.name,
      title: task.title,
      group: task.group,
      items: source.items,
      metric: task.metric,
      interactive: task.next !== undefined,
      licence: source.licence,
      source: placeOf(source),
      summary: task.summary,
      mini: task.reported?.mini ?? null,
      flash: task.reported?.flash ?? null,
    };
  });
}

/** Where a benchmark's data is published: a repository, a page, or the host of its files. */
function placeOf({ repo, home, files }: Source): string {
  if (files.length === 0) return "generated";
  const url = files[0].archive?.url ?? files[0].url;
  return repo ?? home ?? (url ? new URL(url).host : "local files");
}

/** The list for a terminal, whose lines are short: benchmarks, their variants, and the names that stand for several. */
export function taskList(
  tasks: readonly Task[],
  { groups, variants }: {
    groups: Readonly<Record<string, readonly string[]>>;
    variants: readonly Task[];
  },
): string {
  const head = ["task", "group", "items", "metric", "what"];
  const rows = taskRows(tasks).map((row) => [
    row.name,
    row.group,
    String(row.items),
    row.metric,
    whatOf(row),
  ]);
  const names = Object.entries(groups).map(([name, members]) => `${name}: ${members.join(" ")}`);
  const forms = taskRows(variants).map((row) => [row.name, row.metric, whatOf(row)]);
  const other = columns([["variant", "metric", "what"], ...forms]);
  return `${columns([head, ...rows])}\n\n${other}\n\nGroups\n${
    names.join("\n")
  }\n\nWith --json: sources and licences, too\n`;
}

function whatOf({ interactive, summary }: TaskRow): string {
  return interactive ? `${summary} (interactive: under eval alone)` : summary;
}
