/** Keys and values of prompts on disk, block by block (cache/block_store.ts), as stages read and keep them. */
import { blockKeys, type BlockStore } from "./cache/block_store.ts";
import { concat } from "./concat.ts";
import type { DecodeOptions } from "./diffusion/options.ts";
import type { Job } from "./diffusion/sequence.ts";
import type { Session } from "./session.ts";

/** The `cache` field of a record. */
export interface CacheField {
  readonly path: string;
  readonly blocks: number;
  readonly block_length: number;
  readonly dtype: string;
  readonly digest: string;
}

/** Which prompt prefixes occurred before in this run: only those are worth keeping on disk. */
export class Prefixes {
  readonly #seen = new Set<string>();

  /** Leading blocks that an earlier record had too. */
  sharedBlocks(keys: readonly string[]): number {
    const fresh = keys.findIndex((key) => !this.#seen.has(key));
    if (this.#seen.size > 100_000) this.#seen.clear();
    for (const key of keys) this.#seen.add(key);
    return fresh < 0 ? keys.length : fresh;
  }
}

/** The prefix that a record's `cache` names, or nothing and a notice. */
export async function namedPrefix(
  session: Session,
  job: { tokens: readonly number[]; decode: DecodeOptions },
  cache: CacheField,
): Promise<Job["prefix"]> {
  const blockLength = job.decode.block_length;
  const keys = await keysOf(session, job);
  if (typeof cache?.path !== "string" || cache.digest !== keys.at(-1)) {
    session.notice(
      "KV caches of records are of another model, dtype, block length, device or prompt: recomputed",
    );
    return undefined;
  }
  const store = session.storeAt(cache.path);
  const prefix = await loadPrefix(session, { store, keys, blockLength });
  if (prefix.tokens < keys.length * blockLength) {
    session.notice(`KV cache in "${cache.path}" is incomplete: recomputed`);
  }
  return prefix;
}

/** Keys of a prompt's whole blocks: of all that decides their keys and values. */
export async function keysOf(
  session: Session,
  { tokens, decode }: { tokens: readonly number[]; decode: DecodeOptions },
): Promise<string[]> {
  const { adapter, backend, kernels, dtype, activations } = await session.device();
  return await blockKeys({
    model: await session.digest(),
    dtype: activations ? `${dtype} ${activations}` : dtype,
    device: `${adapter} ${backend} ${kernels}`,
    blockLength: decode.block_length,
    tokens,
  });
}

/** Leading blocks that the store has, joined as `KvCache.read` would give them. */
export async function loadPrefix(
  session: Session,
  { store, keys, blockLength }: { store: BlockStore; keys: readonly string[]; blockLength: number },
): Promise<NonNullable<Job["prefix"]>> {
  const blocks: Uint8Array<ArrayBuffer>[][] = [];
  for (const key of keys) {
    const tensors = await store.get(key);
    if (!tensors) break;
    blocks.push(Array.from(tensors.values(), ({ bytes }) => new Uint8Array(bytes)));
  }
  const { config } = await session.checkpoint();
  const parts = Array.from(
    { length: 2 * config.numHiddenLayers },
    (_, part) => concat(blocks.map((block) => block[part])),
  );
  return { tokens: blocks.length * blockLength, parts };
}

/** Stores blocks `from .. to` of keys and values that cover all of `keys`. */
export async function storeBlocks(
  { store, keys, parts, from, to = keys.length }: {
    store: BlockStore;
    keys: readonly string[];
    parts: readonly Uint8Array[];
    from: number;
    to?: number;
  },
): Promise<void> {
  for (let block = from; block < to; block++) {
    const tensors = parts.map((part, index) => {
      const size = part.length / keys.length;
      const bytes = part.subarray(block * size, (block + 1) * size);
      const name = `layers.${index >> 1}.${index % 2 === 0 ? "keys" : "values"}`;
      return [name, { dtype: "U8", shape: [size], bytes }] as const;
    });
    await store.put(keys[block], new Map(tensors));
  }
}
