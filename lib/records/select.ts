/** Which records of a stream a run takes, and what they keep of that. */
import type { Rec } from "./record.ts";

/** Shard `index` of `count`, from 1. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** What field `shard` of a record says; the numbers are there where they were known before. */
export interface ShardMark extends Shard {
  /** Records that all shards were taken from. */
  readonly items?: number;
  /** Records of this shard: as many as it has items, or `--n` times that. */
  readonly records?: number;
}

/** How many of `items` records are in a shard. */
export function shardSize(items: number, { index, count }: Shard): number {
  return Math.max(0, Math.ceil((items - index + 1) / count));
}

/** The shard that a record says it is of; a field of that name may also be somebody else's. */
export function shardOf(rec: Rec): ShardMark | undefined {
  const { index, count, items, records } = (rec.get("shard") ?? {}) as Partial<ShardMark>;
  const natural = (value: unknown): value is number =>
    typeof value === "number" && Number.isSafeInteger(value) && value > 0;
  if (!natural(index) || !natural(count) || index > count) return undefined;
  return natural(items) && natural(records) ? { index, count, items, records } : { index, count };
}

/** Options of `select`. */
export interface Selection {
  readonly shard?: Shard;
  readonly limit?: number;
  /** How many records there are, where that is known. */
  readonly items?: number;
  /** Records that each will become. */
  readonly n?: number;
}

/**
 * Of the first `limit` records those of a shard: record k (from 0) is in shard k mod count + 1. They say so in
 * their field `shard`, so that merging can tell what is missing.
 */
export async function* select(
  records: AsyncIterable<Rec>,
  { shard = { index: 1, count: 1 }, limit = Infinity, items, n = 1 }: Selection,
): AsyncGenerator<Rec> {
  const { index, count } = shard;
  const sizes = items === undefined ? {} : { items, records: n * shardSize(items, shard) };
  const mark: ShardMark = { index, count, ...sizes };
  let k = 0;
  for await (const rec of records) {
    if (k++ % count === index - 1) {
      if (count > 1 && (!rec.has("shard") || shardOf(rec))) rec.set("shard", mark);
      yield rec;
    }
    // Before the next one is asked for: it may take long to come.
    if (k >= limit) return;
  }
}
