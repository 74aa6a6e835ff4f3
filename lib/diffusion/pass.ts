/** What a decoding pass is made of: buffers of all slots and the kernels recorded over them. */
import {
  acceptKernel,
  greedyKernel,
  MAX_BLOCK,
  planKernel,
  sampleKernel,
  type SlotBuffers,
} from "../../kernels/decode/decode.ts";
import type { SplitAttention } from "../../kernels/attention/attention_call.ts";
import type { Dispatch } from "../../kernels/launch.ts";
import { headGroups } from "../../kernels/matmul/matmul.ts";
import { SLOT_WORDS } from "../../kernels/decode/slots.ts";
import { type BufferPool, writeBuffer } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import { forwardPass, headPass, storedHead } from "../model/forward.ts";
import { KvCache } from "../model/kv_cache.ts";
import type { Model } from "../model/model.ts";
import { type PassBuffers, passBuffers, splitAttention } from "../model/pass_buffers.ts";
import { type Span, spanRows } from "./rows.ts";
import { type EngineSizes, engineSizes } from "./sizes.ts";
import { traceBytes } from "./trace.ts";

/** Passes of a submit while tracing: bounds the trace buffer. */
export const MAX_TRACED_PASSES = 64;

/** The part of an engine's options that decides its buffers. */
export interface PartsOptions {
  /** Records decoded together. */
  readonly slots: number;
  readonly trace?: boolean;
  /** First position of every sequence in the rotary table; for tests of relative positions. */
  readonly positionStart?: number;
}

/** Buffers of an engine and the kernels recorded over them. */
export interface EngineParts {
  readonly gpu: Gpu;
  readonly pool: BufferPool;
  readonly kv: KvCache;
  readonly buffers: PassBuffers;
  readonly slots: SlotBuffers;
  /** Rows of a pass that may need logits. */
  readonly logitRows: number;
  /** Rows of a pass over a prompt. */
  readonly prefillRows: number;
  /** Channels of the residual stream. */
  readonly hidden: number;
  /** Room to split attention, where that pays. */
  readonly split?: SplitAttention;
  /** Embedding to final norm. */
  readonly forward: Dispatch[];
  /** Head and draw of greedy slots. */
  readonly greedy: Dispatch[];
  /** Both for passes of FEW_CPU_ROWS rows at most; made when the first record of so small blocks comes. */
  few(): Promise<GreedyPass>;
  /** [logit rows, headGroups] partial results that the head leaves to the draw. */
  readonly partials: GPUBuffer;
  readonly plan: Dispatch;
  readonly accept: Dispatch;
  /** Head and draw of slots that need whole logits; made when the first one comes. */
  stored(): Promise<StoredLogits>;
}

/** A pass of greedy records. */
export type GreedyPass = Pick<EngineParts, "forward" | "greedy">;

/** What decoding with whole logits takes beside greedy decoding. */
export interface StoredLogits {
  /** [logit rows, vocabulary] */
  readonly logits: GPUBuffer;
  readonly head: Dispatch[];
  readonly sample: Dispatch;
}

/** Buffers of slots that are no pass's. */
type OwnBuffers = Omit<SlotBuffers, "slots" | "canvasLength" | "live" | "rows">;

/** Bytes of each of them. */
export function slotBytes(
  { slots, canvasLength, logitRows }: Pick<EngineSizes, "canvasLength" | "logitRows"> & {
    readonly slots: number;
  },
  trace = false,
): Record<keyof OwnBuffers, number> {
  return {
    state: 4 * slots * SLOT_WORDS,
    canvas: 4 * slots * canvasLength,
    confidence: 4 * slots * canvasLength,
    drawn: 16 * logitRows,
    stats: 8 * slots * canvasLength,
    notes: 8 * slots * MAX_BLOCK * (1 + MAX_BLOCK),
    trace: trace ? traceBytes(slots, MAX_TRACED_PASSES) : 0,
  };
}

/** Makes an engine's buffers in `pool` and compiles the pass over them. */
export async function engineParts(
  model: Model,
  { slots, trace = false, positionStart = 0 }: PartsOptions,
  pool: BufferPool,
): Promise<EngineParts> {
  const { config, gpu } = model;
  const { launcher, device } = gpu;
  const { canvasLength, rows, prefillRows, logitRows, kvTokens } = engineSizes(config, {
    target: launcher.target,
    slots,
    maxBinding: device.limits.maxStorageBufferBindingSize,
    kvBytesPerToken: model.kvBytesPerToken,
  });
  const kv = new KvCache(pool, config, {
    format: model.kvFormat,
    slots: slots + 1, // one beside those of records, for prefills of their own
    length: canvasLength,
    tokens: kvTokens,
  });
  const buffers = passBuffers(pool, config, { rows, slots });
  const split = splitAttention(pool, config, { rows, length: canvasLength });
  const rope = pool.upload("rope", model.ropeTable(canvasLength, positionStart));
  const { live, rows: passRows } = buffers;
  const own = Object.entries(slotBytes({ slots, canvasLength, logitRows }, trace)).map((
    [name, bytes],
  ) => [name, pool.empty(name, bytes)] as const);
  const slotBuffers: SlotBuffers = {
    slots,
    canvasLength,
    live,
    rows: passRows,
    ...Object.fromEntries(own) as unknown as OwnBuffers,
  };
  const { maskId: mask, weights, eosIds: eos } = model;
  const { editIds: edits } = config;
  const groups = headGroups(launcher, weights.lmHead);
  const partials = pool.empty("head partials", 16 * logitRows * groups);
  const draw = await greedyKernel(launcher, slotBuffers, { partials, groups });
  const greedyPass = async (few: boolean): Promise<GreedyPass> => ({
    forward: await forwardPass(launcher, { config, weights, kv, rope, buffers, split, few }),
    greedy: [...await headPass(launcher, { weights, buffers, few }, { partials, mask }), draw],
  });
  let [few, stored]: [Promise<GreedyPass>?, Promise<StoredLogits>?] = [];
  return {
    gpu,
    pool,
    kv,
    buffers,
    slots: slotBuffers,
    logitRows,
    prefillRows,
    hidden: config.hiddenSize,
    partials,
    split,
    ...await greedyPass(false),
    few: () => few ??= greedyPass(true),
    plan: await planKernel(launcher, slotBuffers),
    accept: await acceptKernel(launcher, slotBuffers, { mask, eos, edits, tracing: trace }),
    stored: () => stored ??= storedLogits(model, pool, { buffers, slots: slotBuffers, logitRows }),
  };
}

async function storedLogits(
  { gpu: { launcher }, config, weights, maskId: mask }: Model,
  pool: BufferPool,
  { buffers, slots, logitRows }: { buffers: PassBuffers; slots: SlotBuffers; logitRows: number },
): Promise<StoredLogits> {
  const { vocabSize: vocab, editIds: edits } = config;
  const logits = pool.empty("logits", 4 * logitRows * vocab);
  return {
    logits,
    head: await storedHead(launcher, { weights, buffers }, logits),
    sample: await sampleKernel(launcher, slots, { logits, vocab, mask, edits }),
  };
}

/** Makes a span the rows of the next pass; with `logits` all of them need logits. */
export function writeRows(
  { gpu, buffers }: EngineParts,
  tokens: ArrayLike<number>,
  span: Span & { readonly logits: boolean },
): void {
  const count = span.to - span.from;
  writeBuffer(gpu, buffers.rows, { data: spanRows(tokens, span) });
  const live = Uint32Array.of(count, span.logits ? count : 0, 0, 0);
  writeBuffer(gpu, buffers.live, { data: live });
}
