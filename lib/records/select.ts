/** Which records of a stream a run takes. */
import type { Rec } from "./record.ts";

/** Shard `index` of `count`, from 1. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** Of the first `limit` records those of a shard: record k (from 0) is in shard k mod count + 1. */
export async function* select(
  records: AsyncIterable<Rec>,
  { shard = { index: 1, count: 1 }, limit = Infinity }: { shard?: Shard; limit?: number },
): AsyncGenerator<Rec> {
  let k = 0;
  for await (const rec of records) {
    if (k++ % shard.count === shard.index - 1) yield rec;
    // Before the next one is asked for: it may take long to come.
    if (k >= limit) return;
  }
}
