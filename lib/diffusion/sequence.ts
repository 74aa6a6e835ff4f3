/** A record on its way through the engine, and what read-backs tell of it. */
import {
  PHASE,
  REASON,
  SLOT_WORDS,
  type SlotState,
  unpackSlot,
} from "../../kernels/decode/slots.ts";
import type { Refusal } from "../refusal.ts";
import type { DecodeOptions } from "./options.ts";
import { slotRules } from "./policies.ts";
import type { TraceStep } from "./trace.ts";

/** One record to decode. */
export interface Job {
  /** Prompt token ids. */
  readonly tokens: readonly number[];
  readonly decode: DecodeOptions;
  /** Made of the run's seed and the record's id. */
  readonly seed: number;
  /** Keys and values of the first prompt tokens, as `KvCache.read` gave them; whole blocks. */
  readonly prefix?: { readonly tokens: number; readonly parts: readonly Uint8Array<ArrayBuffer>[] };
  /** Called with the keys and values of the whole prompt blocks, when someone wants to keep them. */
  readonly keep?: (parts: Uint8Array<ArrayBuffer>[], tokens: number) => void | Promise<void>;
}

/** A decoded record. */
export interface Decoded {
  /** Generated ids, cut after the first end-of-sequence id, which is kept. */
  readonly tokens: number[];
  /** Confidence with which each token was accepted or last edited. */
  readonly confidence: number[];
  readonly blocks: { steps: number; forwards: number }[];
  readonly finishReason: "stop" | "length";
  readonly trace: TraceStep[];
}

/** A record being decoded. */
export interface Sequence<T> {
  readonly value: T;
  readonly job: Job;
  readonly slot: number;
  /** First submit that includes it: older read-backs tell of its predecessor. */
  readonly since: number;
  readonly canvas: Uint32Array<ArrayBuffer>;
  readonly confidence: Float32Array;
  readonly blocks: { steps: number; forwards: number }[];
  readonly trace: TraceStep[];
  /** State at the last read-back. */
  state: SlotState;
  /** Passes submitted after that. */
  ahead: number;
  /** What was decoded, or that its logits were not finite. */
  result?: Decoded | Refusal;
}

/** A record as it enters its slot: the prompt, then masks. */
export function atStart<T>(
  { maskId, ...entry }: Pick<Sequence<T>, "value" | "job" | "slot" | "since"> & {
    readonly maskId: number;
  },
): Sequence<T> {
  const { tokens, decode, seed } = entry.job;
  const end = endOf(entry.job);
  const canvas = new Uint32Array(end).fill(maskId);
  canvas.set(tokens);
  return {
    ...entry,
    canvas,
    confidence: new Float32Array(end),
    blocks: [],
    trace: [],
    state: {
      ...slotRules(decode),
      phase: PHASE.denoise,
      block_start: wholeBlocks(entry.job),
      step: 0,
      post: 0,
      draws: 0,
      reason: REASON.none,
      prompt: tokens.length,
      end,
      seed,
    },
    ahead: 0,
  };
}

/** A sequence's part of a read-back: `length` positions from `from` on, at byte `at`. */
export interface Window<T> {
  readonly sequence: Sequence<T>;
  readonly from: number;
  readonly length: number;
  readonly at: number;
}

/** Takes in what a read-back's words say: slot states first, then each window's ids, confidences, counts. */
export function takeWindow<T>({ sequence, from, length, at }: Window<T>, words: Uint32Array): void {
  const block = sequence.job.decode.block_length;
  sequence.state = unpackSlot(words, sequence.slot * SLOT_WORDS);
  const word = at / 4;
  sequence.canvas.set(words.subarray(word, word + length), from);
  const confidence = new Float32Array(words.buffer, words.byteOffset + at + 4 * length, length);
  sequence.confidence.set(confidence, from);
  const first = Math.floor(sequence.job.tokens.length / block);
  for (let i = 0; i < length / block; i++) {
    const [steps, forwards] = words.subarray(word + 2 * length + 2 * i);
    const visited = from + i * block <= sequence.state.block_start;
    if (visited && steps > 0) sequence.blocks[from / block + i - first] = { steps, forwards };
  }
}

/** What was decoded: the canvas up to gen_length tokens or the first end-of-sequence id. */
export function resultOf<T>(
  { job, canvas, confidence, blocks, trace }: Sequence<T>,
  eosIds: readonly number[],
): Decoded {
  const from = job.tokens.length;
  const all = canvas.subarray(from, from + job.decode.gen_length);
  const stop = all.findIndex((token) => eosIds.includes(token));
  const tokens = Array.from(stop < 0 ? all : all.subarray(0, stop + 1));
  return {
    tokens,
    confidence: Array.from(confidence.subarray(from, from + tokens.length)),
    blocks: blocks.map(({ steps, forwards }) => ({ steps, forwards })),
    finishReason: stop < 0 ? "length" : "stop",
    trace,
  };
}

/** Rows of the blocks that sequences are at. */
export function rowsOf<T>(sequences: Iterable<Sequence<T>>): number {
  return [...sequences].reduce((sum, { job }) => sum + job.decode.block_length, 0);
}

/** Whether a sequence is at its last block. */
export function atLast<T>({ job, state, canvas }: Sequence<T>): boolean {
  return state.block_start + job.decode.block_length >= canvas.length;
}

/** Whether a pass submitted now may have to store a block of the sequence: the last one never is. */
export function mayCommit<T>(sequence: Sequence<T>): boolean {
  return !atLast(sequence) || sequence.state.phase === PHASE.commit;
}

/** Positions of prompt and answer, in whole blocks. */
export function endOf({ tokens, decode: { block_length: block, gen_length } }: Job): number {
  return Math.ceil((tokens.length + gen_length) / block) * block;
}

/** Tokens of the prompt's whole blocks. */
export function wholeBlocks({ tokens, decode }: Job): number {
  return Math.floor(tokens.length / decode.block_length) * decode.block_length;
}
