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

/** What was found of the shards of runs that were cut into as many. */
interface Cut {
  readonly shards: Map<number, Found>;
  /** Items of the largest run; undefined while that is not known. */
  items?: number;
}

/** Shards seen so far, by the number of parts that a run was cut into. */
export class Shards {
  readonly #cuts = new Map<number, Cut>();

  add(rec: Rec): void {
    const mark = shardOf(rec);
    if (!mark) return;
    const { index, count, items, records } = mark;
    let cut = this.#cuts.get(count);
    if (!cut) this.#cuts.set(count, cut = { shards: new Map() });
    let found = cut.shards.get(index);
    if (!found) cut.shards.set(index, found = { records: 0, sizes: new Set() });
    found.records++;
    if (items !== undefined) cut.items = Math.max(items, cut.items ?? 0);
    if (records !== undefined) found.sizes.add(records);
  }

  /** What is not there of the shards; undefined when all is, and for one alone, which may be meant. */
  get lacking(): string | undefined {
    if (this.alone !== undefined) return undefined;
    const parts = [...this.#cuts].flatMap(([count, cut]) => [
      ...missing(count, cut),
      ...[...cut.shards].sort(([a], [b]) => a - b).flatMap(([index, { records, sizes }]) => {
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
    const [[count, cut] = [], ...others] = this.#cuts;
    if (count === undefined || others.length > 0 || cut!.shards.size > 1) return undefined;
    const [index] = cut!.shards.keys();
    return index === 1 && expected(count, cut!) === 1 ? undefined : `shard ${index} of ${count}`;
  }
}

/** How many shards have records: the last ones have none where there are fewer records than shards. */
function expected(count: number, { shards, items }: Cut): number {
  if (items !== undefined) return Math.min(count, items);
  const first = Array.from({ length: shards.size }, (_, i) => shards.get(i + 1)?.records);
  return first.every((records) => records === 1) ? shards.size : count;
}

function missing(count: number, cut: Cut): string[] {
  const lost: number[] = [];
  const all = expected(count, cut);
  const some = all - [...cut.shards.keys()].filter((index) => index <= all).length;
  for (let index = 1; lost.length < Math.min(some, NAMED); index++) {
    if (!cut.shards.has(index)) lost.push(index);
  }
  if (some === 0) return [];
  const more = some > lost.length ? ` and ${some - lost.length} more` : "";
  return [
    some === 1
      ? `shard ${lost[0]} of ${count} is missing`
      : `shards ${lost.join(", ")}${more} of ${count} are missing`,
  ];
}
