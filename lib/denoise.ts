/** The stage that fills masked blocks until each answer is complete. */
import type { Decoded, Job } from "./diffusion/sequence.ts";
import {
  type CacheField,
  keysOf,
  loadPrefix,
  namedPrefix,
  Prefixes,
  storeBlocks,
} from "./prefix.ts";
import { type DecodeStageOptions, prepare, seedOf, setModel } from "./prepare.ts";
import { Faults } from "./records/faults.ts";
import type { Rec } from "./records/record.ts";
import { endsWith, stoppable } from "./records/stoppable.ts";
import { Refusal } from "./refusal.ts";
import { Replay } from "./replay.ts";

/** Decodes each record that has no answer yet: neither `output` nor `text`. */
export function denoise(
  records: AsyncIterable<Rec>,
  options: DecodeStageOptions,
): AsyncGenerator<Rec> {
  const { signal } = options;
  return endsWith(signal, denoised(stoppable(records, signal), options));
}

async function* denoised(
  records: AsyncIterable<Rec>,
  options: DecodeStageOptions,
): AsyncGenerator<Rec> {
  const { session, faults = new Faults() } = options;
  const prefixes = new Prefixes();
  let failure: { error: unknown } | undefined;
  async function* items(): AsyncGenerator<Item> {
    try {
      for await (const rec of records) {
        if (rec.failed || isAnswered(rec)) {
          yield { value: rec };
          continue;
        }
        let job: Job | undefined;
        let kept: Rec | undefined = rec;
        try {
          job = await jobOf(rec, options, prefixes);
        } catch (error) {
          kept = faults.handle(rec, "denoise", error);
        }
        if (kept) yield { value: kept, job };
      }
    } catch (error) {
      // What was read before is decoded and written first.
      failure = { error };
    }
  }
  const source = new Replay(items());
  try {
    while (true) {
      try {
        yield* decodeAll(source, { ...options, faults });
        break;
      } catch (error) {
        // What was written stays; the rest is decoded again, on another device.
        await session.reopen(error);
      }
    }
  } finally {
    await source.close();
  }
  if (failure) throw failure.error;
}

/** Whether a record has gone as far as tokens, or as text from elsewhere: a server's, or somebody's own. */
export function isAnswered(rec: Rec): boolean {
  return rec.has("output") || rec.has("text");
}

/** A record on its way through `denoise`; without a job it passes through. */
interface Item {
  readonly value: Rec;
  readonly job?: Job;
}

async function* decodeAll(
  source: Replay<Item>,
  { session, faults, signal, onTrace, onDone }: DecodeStageOptions & { readonly faults: Faults },
): AsyncGenerator<Rec> {
  let needed = false;
  for await (const { value, job } of source.rest()) {
    signal?.throwIfAborted();
    needed = job !== undefined;
    if (needed) break;
    source.settle();
    yield value;
  }
  // The first record that needs the model opens it.
  if (!needed) return;
  const engine = await session.engine();
  for await (const { value: rec, result } of engine.decode(source.rest(), { signal })) {
    if (result instanceof Refusal) {
      const kept = faults.handle(rec, "denoise", result);
      source.settle();
      if (kept) yield kept;
      continue;
    }
    if (result) {
      rec.set("output", outputOf(result));
      rec.set("device", await session.device());
      await onTrace?.(rec, result.trace);
      onDone?.(rec);
    }
    source.settle();
    yield rec;
  }
}

function outputOf({ tokens, confidence, blocks, finishReason }: Decoded) {
  return { tokens, confidence, blocks, finish_reason: finishReason };
}

async function jobOf(rec: Rec, options: DecodeStageOptions, prefixes: Prefixes): Promise<Job> {
  const { session } = options;
  const prepared = await prepare(rec, options);
  await setModel(rec, session);
  rec.set("decode", prepared.decode);
  const job = { ...prepared, seed: seedOf(prepared.decode.seed, rec.id) };
  const cache = rec.get("cache") as CacheField | undefined;
  if (cache !== undefined) return { ...job, prefix: await namedPrefix(session, job, cache) };
  const { store } = session;
  if (!options.shareCache || !store || job.tokens.length < job.decode.block_length) return job;
  const keys = await keysOf(session, job);
  const blockLength = job.decode.block_length;
  const prefix = await loadPrefix(session, { store, keys, blockLength });
  const shared = prefixes.sharedBlocks(keys);
  if (shared * blockLength <= prefix.tokens) return { ...job, prefix };
  const keep = async (parts: Uint8Array<ArrayBuffer>[]) => {
    await storeBlocks({ store, keys, parts, from: prefix.tokens / blockLength, to: shared });
  };
  return { ...job, prefix, keep };
}
