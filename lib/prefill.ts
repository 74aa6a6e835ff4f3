/** The stage that computes the KV cache of prompts. */
import type { Engine } from "./diffusion/engine.ts";
import { isAnswered } from "./denoise.ts";
import { type CacheField, keysOf, loadPrefix, storeBlocks } from "./prefix.ts";
import { type DecodeStageOptions, prepare, setModel } from "./prepare.ts";
import { eachRecord, Faults } from "./records/faults.ts";
import type { Rec } from "./records/record.ts";
import type { Session } from "./session.ts";

/** Computes and stores the keys and values of each record's whole prompt blocks. */
export function prefill(
  records: AsyncIterable<Rec>,
  options: DecodeStageOptions,
): AsyncIterable<Rec> {
  const { session, faults = new Faults(), signal } = options;
  return eachRecord(records, {
    stage: "prefill",
    faults,
    signal,
    step: async (rec) => {
      if (isAnswered(rec)) return;
      const prepared = await prepare(rec, options);
      const { store } = session;
      const { block_length } = prepared.decode;
      const dtype = await session.dtype();
      const kept = rec.get("cache") as CacheField | undefined;
      if (kept?.dtype === dtype && kept.block_length === block_length) return;
      const blocks = Math.floor(prepared.tokens.length / block_length);
      await setModel(rec, session);
      if (!store || blocks === 0) return;
      const keys = await keysOf(session, prepared);
      const prefix = await loadPrefix(session, { store, keys, blockLength: block_length });
      if (prefix.tokens < blocks * block_length) {
        const job = { ...prepared, seed: 0, prefix };
        const parts = await onEngine(session, (engine) => engine.prefill(job));
        await storeBlocks({ store, keys, parts, from: prefix.tokens / block_length });
      }
      rec.set("cache", {
        path: store.options.dir,
        blocks,
        block_length,
        dtype,
        digest: keys.at(-1),
      });
      options.onDone?.(rec);
    },
  });
}

/** Runs work on the engine; once more on another device when the device is lost. */
async function onEngine<V>(session: Session, work: (engine: Engine) => Promise<V>): Promise<V> {
  try {
    return await work(await session.engine());
  } catch (error) {
    await session.reopen(error);
    return await work(await session.engine());
  }
}
