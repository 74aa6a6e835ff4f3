/** Which records of a stream a run takes. */
import type { Rec } from "./record.ts";

/** Shard `index` of `count`, from 1. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** Takes record k (from 0) into shard k mod count + 1, and at most `limit` records of it. */
export async function* select(
  records: AsyncIterable<Rec>,
  { shard = { index: 1, count: 1 }, limit = Infinity }: { shard?: Shard; limit?: number },
): AsyncGenerator<Rec> {
  let k = 0;
  let taken = 0;
  for await (const rec of records) {
    if (k++ % shard.count !== shard.index - 1) continue;
    if (taken++ >= limit) return;
    yield rec;
    if (taken >= limit) return;
  }
}
