/** The stages that run the model: prefill, denoise and sample. */
import { blockKeys, type BlockStore } from "./cache/block_store.ts";
import type { Engine } from "./diffusion/engine.ts";
import type { Decoded, Job } from "./diffusion/sequence.ts";
import { type DecodeLayer, type DecodeOptions, resolveDecode } from "./diffusion/options.ts";
import type { TraceStep } from "./diffusion/trace.ts";
import { DeviceLost } from "./gpu/device.ts";
import { eachRecord, Faults } from "./records/faults.ts";
import { kindOf, nameOf, type Rec, shown, tokensOf, wrong } from "./records/record.ts";
import { Refusal } from "./refusal.ts";
import { Replay } from "./replay.ts";
import type { Session } from "./session.ts";
import { addTokens, type StageOptions } from "./tokenize.ts";

/** Options of the stages that decode. */
export interface DecodeStageOptions extends StageOptions {
  /** Decode options given on the command line. */
  readonly decode?: Readonly<Record<string, unknown>>;
  /** Cut prompts that do not fit from the left instead of refusing them. */
  readonly truncate?: "left";
  /** Told of every denoising step, when the session traces. */
  readonly onTrace?: (rec: Rec, steps: TraceStep[]) => void | Promise<void>;
  /** Whether shared prompt prefixes are read from and kept on disk. */
  readonly shareCache?: boolean;
  /** Told of every finished record. */
  readonly onDone?: (rec: Rec) => void;
}

/** Options of `sample`. */
export interface SampleOptions extends DecodeStageOptions {
  /** Answers per record; above 1 the records get ids "id#1", "id#2", ... */
  readonly n?: number;
  /** Strings that end the text; they are cut off. */
  readonly stop?: readonly string[];
}

/** The `cache` field of a record. */
interface CacheField {
  readonly path: string;
  readonly blocks: number;
  readonly block_length: number;
  readonly dtype: string;
  readonly digest: string;
}

/** Computes and stores the keys and values of each record's whole prompt blocks. */
export function prefill(
  records: AsyncIterable<Rec>,
  options: DecodeStageOptions,
): AsyncIterable<Rec> {
  const { session, faults = new Faults() } = options;
  return eachRecord(records, {
    stage: "prefill",
    faults,
    step: async (rec) => {
      if (rec.has("cache") || rec.has("output")) return;
      const prepared = await prepare(rec, options);
      const { store } = session;
      const { block_length } = prepared.decode;
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
        dtype: await session.dtype(),
        digest: keys.at(-1),
      });
      options.onDone?.(rec);
    },
  });
}

/** Decodes each record that has no answer yet: neither `output` nor `text`. */
export async function* denoise(
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
    for (let again = true; again;) {
      again = false;
      try {
        yield* decodeAll(source, { ...options, faults });
      } catch (error) {
        // What was written stays; the rest is decoded again, on another device.
        if (!(error instanceof DeviceLost) || !await session.reopen(error)) throw error;
        again = true;
      }
    }
  } finally {
    await source.close();
  }
  if (failure) throw failure.error;
}

/** Whether a record has gone as far as tokens, or as text from elsewhere: a server's, or somebody's own. */
function isAnswered(rec: Rec): boolean {
  return rec.has("output") || rec.has("text");
}

/** A record on its way through `denoise`; without a job it passes through. */
interface Item {
  readonly value: Rec;
  readonly job?: Job;
}

async function* decodeAll(
  source: Replay<Item>,
  { session, faults, onTrace, onDone }: DecodeStageOptions & { readonly faults: Faults },
): AsyncGenerator<Rec> {
  let needed = false;
  for await (const { value, job } of source.rest()) {
    needed = job !== undefined;
    if (needed) break;
    source.settle();
    yield value;
  }
  // The first record that needs the model opens it.
  if (!needed) return;
  const engine = await session.engine();
  for await (const { value: rec, result } of engine.decode(source.rest())) {
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

/** Runs work on the engine; once more on another device when the device is lost. */
async function onEngine<V>(session: Session, work: (engine: Engine) => Promise<V>): Promise<V> {
  try {
    return await work(await session.engine());
  } catch (error) {
    if (!(error instanceof DeviceLost) || !await session.reopen(error)) throw error;
    return await work(await session.engine());
  }
}

/** Adds `text` and `usage`, doing whatever each record still lacks. */
export function sample(records: AsyncIterable<Rec>, options: SampleOptions): AsyncIterable<Rec> {
  const { session, faults = new Faults(), stop = [] } = options;
  if (stop.includes("")) {
    throw new Refusal('Cannot sample: a stop string is "", expected some text');
  }
  const decoded = denoise(copies(records, options.n ?? 1), options);
  return eachRecord(decoded, {
    stage: "sample",
    faults,
    step: async (rec) => {
      if (rec.has("text")) return;
      const output = outputField(rec);
      const tokenizer = await session.tokenizer();
      const { eos } = await session.specialIds();
      const turnEnd = tokenizer.tokenId("<|role_end|>");
      const end = output.tokens.findIndex((token) => eos.includes(token) || token === turnEnd);
      const kept = end < 0 ? output.tokens : output.tokens.slice(0, end);
      const ids = tokensOf(rec, {
        vocab: tokenizer.vocabSize,
        field: "output.tokens",
        tokens: kept.length > 0 ? kept : [0],
      });
      const text = kept.length > 0 ? tokenizer.decode(ids, { skipSpecial: true }) : "";
      rec.set("text", cutAt(text, stop));
      rec.set("usage", usageOf(rec, output, eos));
    },
  });
}

/** Cuts a text before the earliest of the stop strings. */
export function cutAt(text: string, stop: readonly string[]): string {
  const ends = stop.map((string) => text.indexOf(string)).filter((at) => at >= 0);
  return ends.length > 0 ? text.slice(0, Math.min(...ends)) : text;
}

/** `n` copies of each record that has no answer yet, with ids "id#1", "id#2", ... */
export async function* copies(records: AsyncIterable<Rec>, n: number): AsyncGenerator<Rec> {
  if (!Number.isSafeInteger(n) || n < 1) {
    throw new Refusal(`Cannot sample: n is ${n}, expected a whole number from 1`);
  }
  for await (const rec of records) {
    if (n === 1 || isAnswered(rec) || rec.failed) yield rec;
    else {
      for (let i = 1; i <= n; i++) {
        const copy = rec.clone();
        copy.set("id", `${rec.id}#${i}`);
        yield copy;
      }
    }
  }
}

interface OutputField {
  readonly tokens: number[];
  readonly blocks: { steps: number; forwards: number }[];
}

function outputField(rec: Rec): OutputField {
  const output = rec.get("output") as OutputField | undefined;
  if (!output || !Array.isArray(output.tokens) || !Array.isArray(output.blocks)) {
    throw wrong(rec, `field "output" is ${kindOf(output)}, expected {tokens, blocks, ...}`);
  }
  const isCount = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0;
  const bad = output.blocks.findIndex((block) =>
    !isCount(block?.steps) || !isCount(block.forwards)
  );
  if (bad >= 0) {
    const found = shown(output.blocks[bad]);
    throw wrong(rec, `field "output.blocks[${bad}]" is ${found}, expected {steps, forwards}`);
  }
  return output;
}

/** Completion tokens exclude end-of-sequence; no times, so that two runs give equal bytes. */
function usageOf(rec: Rec, { tokens, blocks }: OutputField, eos: readonly number[]) {
  const prompt = (rec.get("tokens") as unknown[] | undefined)?.length ?? 0;
  const block = (rec.get("decode") as DecodeOptions | undefined)?.block_length ?? Infinity;
  const forwards = blocks.reduce((sum, { steps }) => sum + steps, 0);
  const all = blocks.reduce((sum, block) => sum + block.forwards, 0);
  const completion = tokens.filter((token) => !eos.includes(token)).length;
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    forwards,
    forwards_all: all + (prompt >= block ? 1 : 0),
    tokens_per_forward: forwards > 0 ? completion / forwards : 0,
  };
}

function outputOf({ tokens, confidence, blocks, finishReason }: Decoded) {
  return { tokens, confidence, blocks, finish_reason: finishReason };
}

/** Tokens and options of a record, tokenized and cut where that is still to do. */
async function prepare(
  rec: Rec,
  { session, decode: flags = {}, truncate }: DecodeStageOptions,
): Promise<{ tokens: readonly number[]; decode: DecodeOptions }> {
  await checkModel(rec, session);
  if (!rec.has("tokens")) await addTokens(rec, session);
  const { config, generationConfig } = await session.checkpoint();
  const { mask } = await session.specialIds();
  const tokens = tokensOf(rec, { vocab: config.vocabSize, mask });
  const model = { values: generationConfig.decode, where: "generation_config.json" };
  const decode = resolveDecode([...decodeLayers(rec, flags), model]);
  const context = config.maxPositionEmbeddings;
  const room = context - decode.gen_length;
  if (tokens.length <= room) return { tokens, decode };
  if (truncate === "left" && room > 0) {
    rec.set("truncated", tokens.length - room);
    const cut = tokens.slice(-room);
    rec.set("tokens", cut);
    return { tokens: cut, decode };
  }
  throw wrong(
    rec,
    `${tokens.length} prompt tokens and gen_length ${decode.gen_length} exceed the context of ${context}, expected them to fit (or --truncate left)`,
  );
}

/** Decode options of a record: its own, then the flags, then its benchmark's. */
export function decodeLayers(
  rec: Rec,
  flags: Readonly<Record<string, unknown>> = {},
): DecodeLayer[] {
  const [own, defaults] = ["decode", "task_defaults"].map((name) => {
    const value = rec.get(name) ?? {};
    if (kindOf(value) === "object") return value as Record<string, unknown>;
    throw wrong(rec, `field "${name}" is ${kindOf(value)}, expected object`);
  });
  return [
    { values: own, where: nameOf(rec) },
    { values: flags, where: "the flags" },
    { values: defaults, where: `task_defaults of "${rec.id}"` },
  ];
}

async function jobOf(rec: Rec, options: DecodeStageOptions, prefixes: Prefixes): Promise<Job> {
  const { session } = options;
  const prepared = await prepare(rec, options);
  await setModel(rec, session);
  rec.set("decode", prepared.decode);
  const job = { ...prepared, seed: seedOf(prepared.decode.seed, rec.id) };
  const cache = rec.get("cache") as CacheField | undefined;
  if (cache !== undefined) return { ...job, prefix: await namedPrefix(rec, session, job, cache) };
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

/** Which prompt prefixes occurred before in this run: only those are worth keeping on disk. */
class Prefixes {
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
async function namedPrefix(
  rec: Rec,
  session: Session,
  job: { tokens: readonly number[]; decode: DecodeOptions },
  cache: CacheField,
): Promise<Job["prefix"]> {
  const blockLength = job.decode.block_length;
  const keys = await keysOf(session, job);
  if (typeof cache?.path !== "string" || cache.digest !== keys.at(-1)) {
    session.notice(
      `KV cache of record "${rec.id}" is of another model, dtype, device or prompt: recomputed`,
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

async function keysOf(
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
async function loadPrefix(
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
  const parts = Array.from({ length: 2 * config.numHiddenLayers }, (_, part) => {
    const size = blocks.reduce((sum, block) => sum + block[part].length, 0);
    const joined = new Uint8Array(size);
    let at = 0;
    for (const block of blocks) {
      joined.set(block[part], at);
      at += block[part].length;
    }
    return joined;
  });
  return { tokens: blocks.length * blockLength, parts };
}

/** Stores blocks `from .. to` of keys and values that cover all of `keys`. */
async function storeBlocks(
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

/** A record that another model worked on is refused. */
async function checkModel(rec: Rec, session: Session): Promise<void> {
  const model = rec.get("model") as { digest?: string; tokenizer?: string } | undefined;
  if (model === undefined) return;
  if (kindOf(model) !== "object") {
    throw wrong(rec, `field "model" is ${kindOf(model)}, expected object`);
  }
  const pairs = [
    ["digest", model.digest, () => session.digest()],
    ["tokenizer", model.tokenizer, () => session.tokenizerDigest()],
  ] as const;
  for (const [name, found, own] of pairs) {
    if (found !== undefined && found !== await own()) {
      throw wrong(
        rec,
        `field "model.${name}" is "${found}", expected this model's "${await own()}"`,
      );
    }
  }
}

async function setModel(rec: Rec, session: Session): Promise<void> {
  rec.set("model", { name: session.name, digest: await session.digest() });
}

/** A record's seed, from the run's seed and its id (FNV-1a). */
export function seedOf(seed: number, id: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(`${seed} ${id}`)) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash >>> 0;
}
