/** Which shards of a run (`--shard i/n`) records are of, to tell what a merged one lacks. */
import type { Rec } from "../records/record.ts";
import { shardOf } from "../records/select.ts";

/** Most shards that a message names. */
const NAMED = 8;

/** Records found of a shard, and how many it has: one size for each of the runs that were cut alike. */
interface Found {
  records: number;
  readonly sizes: Set<number>;
}

/** Shards seen so far, by the number of parts that a run was cut into. */
export class Shards {
  readonly #runs = new Map<number, Map<number, Found>>();

  add(rec: Rec): void {
    const mark = shardOf(rec);
    if (!mark) return;
    const { index, count, records } = mark;
    let run = this.#runs.get(count);
    if (!run) this.#runs.set(count, run = new Map());
    let found = run.get(index);
    if (!found) run.set(index, found = { records: 0, sizes: new Set() });
    found.records++;
    if (records !== undefined) found.sizes.add(records);
  }

  /** What is not there of the shards; undefined when all is, and for one alone, which may be meant. */
  get lacking(): string | undefined {
    if (this.alone !== undefined) return undefined;
    const parts = [...this.#runs].flatMap(([count, run]) => [
      ...missing(count, run),
      ...[...run].sort(([a], [b]) => a - b).flatMap(([index, { records, sizes }]) => {
        const size = [...sizes].reduce((sum, one) => sum + one, 0);
        return records < size
          ? [`shard ${index} of ${count} has ${records} of ${size} records`]
          : [];
      }),
    ]);
    return parts.length > 0 ? parts.join("; ") : undefined;
  }

  /** The only shard there is, where that is one of several. */
  get alone(): string | undefined {
    const [[count, run] = [], ...others] = this.#runs;
    if (run === undefined || others.length > 0 || run.size > 1 || count === 1) return undefined;
    return `shard ${[...run.keys()][0]} of ${count}`;
  }
}

function missing(count: number, run: ReadonlyMap<number, Found>): string[] {
  const lost = count - run.size;
  if (lost === 0) return [];
  const named: number[] = [];
  for (let index = 1; named.length < Math.min(lost, NAMED); index++) {
    if (!run.has(index)) named.push(index);
  }
  const more = lost > named.length ? ` and ${lost - named.length} more` : "";
  return [
    lost === 1
      ? `shard ${named[0]} of ${count} is missing`
      : `shards ${named.join(", ")}${more} of ${count} are missing`,
  ];
}
