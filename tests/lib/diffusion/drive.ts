/** Runs single pieces of a decoding pass on values that a test makes up, and whole records. */
import assert from "@std/assert";
import type { Engine } from "../../../lib/diffusion/engine.ts";
import type { Decoded, Job } from "../../../lib/diffusion/sequence.ts";
import { resolveDecode } from "../../../lib/diffusion/options.ts";
import { slotRules } from "../../../lib/diffusion/policies.ts";
import { readTrace, type TraceStep } from "../../../lib/diffusion/trace.ts";
import { readBuffer, writeBuffer } from "../../../lib/gpu/buffers.ts";
import { submitPass } from "../../../lib/gpu/submit.ts";
import { Refusal } from "../../../lib/refusal.ts";
import {
  packSlot,
  PHASE,
  SLOT_WORDS,
  type SlotState,
  unpackSlot,
} from "../../../kernels/decode/slots.ts";
import { referenceDecode } from "./reference.ts";
import { headGroups } from "../../../kernels/matmul/matmul.ts";

/** A token drawn for a row. */
export interface Drawn {
  readonly token: number;
  readonly confidence: number;
  /** Ids left after top-k and top-p. */
  readonly kept: number;
}

/** One block in slot 0, as the device will find it. */
export interface Step {
  /** Ids of the block, in a canvas that starts at `start`. */
  readonly ids: readonly number[];
  readonly start: number;
  /** [ids, vocabulary] */
  readonly logits: readonly (readonly number[])[];
  /** Decode options, by their names. */
  readonly decode?: Readonly<Record<string, unknown>>;
  readonly state?: Partial<SlotState>;
}

/** What the draw and `accept` made of it. */
export interface StepResult {
  readonly drawn: Drawn[];
  /** The block's ids afterwards. */
  readonly ids: number[];
  readonly state: SlotState;
  readonly trace: TraceStep | undefined;
}

/** State of a slot that starts on a block. */
export function slotState({ ids, start, decode, state }: Omit<Step, "logits">): SlotState {
  const values = { block_length: ids.length, ...decode };
  return {
    ...slotRules(resolveDecode([{ values, where: "test" }])),
    phase: PHASE.denoise,
    block_start: start,
    step: 0,
    post: 0,
    draws: 0,
    reason: 0,
    prompt: 0,
    end: start + ids.length,
    seed: 0,
    ...state,
  };
}

/**
 * Partial results of rows of logits as the head leaves them, [rows, groups] (peak, top, id, sum); any
 * cut into groups will do.
 */
function partialsOf(
  logits: readonly (readonly number[])[],
  { groups, mask }: { groups: number; mask: number },
): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(logits.length * groups * 4);
  const floats = new Float32Array(words.buffer);
  for (const [row, all] of logits.entries()) {
    const columns = Math.ceil(all.length / groups);
    for (let group = 0; group < groups; group++) {
      const first = group * columns;
      const part = all.slice(first, first + columns);
      const others = part.map((z, i) => first + i === mask ? -3e38 : z);
      const peak = Math.max(-3e38, ...part);
      const top = Math.max(-3e38, ...others);
      const at = (row * groups + group) * 4;
      const sum = part.reduce((total, z) => total + Math.exp(z - peak), 0);
      floats.set([peak, top, 0, sum], at);
      words[at + 2] = first + others.indexOf(top);
    }
  }
  return words;
}

/** Plans, draws and accepts one step; the logits are given instead of computed. */
export async function runStep(engine: Engine, step: Step): Promise<StepResult> {
  const { gpu } = engine.model;
  const { buffers, slots, partials, greedy, plan, accept } = engine.internals;
  const { weights: { lmHead }, maskId: mask } = engine.model;
  const stored = await engine.internals.stored();
  const { ids, start, logits } = step;
  const idle = packSlot({ ...slotState(step), phase: PHASE.idle });
  for (let slot = 1; slot < slots.slots; slot++) {
    writeBuffer(gpu, slots.state, { data: idle, offset: slot * SLOT_WORDS * 4 });
  }
  writeBuffer(gpu, slots.state, { data: packSlot(slotState(step)) });
  writeBuffer(gpu, slots.canvas, { data: Uint32Array.from(ids), offset: start * 4 });
  writeBuffer(gpu, buffers.live, { data: new Uint32Array(4) });
  submitPass(gpu, [plan], ids.length);
  const groups = headGroups(gpu.launcher, lmHead);
  writeBuffer(gpu, partials, { data: partialsOf(logits, { groups, mask }) });
  writeBuffer(gpu, stored.logits, { data: Float32Array.from(logits.flat()) });
  submitPass(gpu, [greedy.at(-1)!, stored.sample, accept], ids.length);
  const bytes = ids.length * 4;
  const [drawn, canvas, state, trace] = await Promise.all([
    readBuffer(gpu, slots.drawn, { bytes: 4 * bytes }),
    readBuffer(gpu, slots.canvas, { offset: start * 4, bytes }),
    readBuffer(gpu, slots.state, { bytes: SLOT_WORDS * 4 }),
    readBuffer(gpu, slots.trace),
  ]);
  const words = new Uint32Array(drawn);
  const floats = new Float32Array(drawn);
  const where = { slots: slots.slots, slot: 0, passes: 1, block: ids.length };
  return {
    drawn: ids.map((_, row) => ({
      token: words[row * 4],
      confidence: floats[row * 4 + 1],
      kept: words[row * 4 + 2],
    })),
    ids: Array.from(new Uint32Array(canvas)),
    state: unpackSlot(new Uint32Array(state), 0),
    trace: engine.options.trace ? readTrace(new Uint32Array(trace), where)[0] : undefined,
  };
}

/** Logits of the tiny model's ids that draw `id` with probability 0.8 and else `other`. */
function logitsOf(id: number, other = 1): number[] {
  return Array.from({ length: 256 }, (_, v) => v === id ? Math.log(0.8) : v === other ? -2 : -12);
}

/** Steps of one block by `hf-2.2`, each from what the one before left; `draws` are the ids that each draws. */
export async function runBlock(
  engine: Engine,
  { ids, draws, decode, prompt = 0, first = 0 }: {
    ids: readonly number[];
    draws: readonly (readonly number[])[];
    decode?: Record<string, unknown>;
    prompt?: number;
    /** Step that the block is at. */
    first?: number;
  },
) {
  let step: Step = {
    ids,
    start: 0,
    logits: [],
    decode: { policy: "hf-2.2", ...decode },
    state: { prompt, step: first, end: 2 * ids.length },
  };
  const found = [];
  for (const drawn of draws) {
    const result = await runStep(engine, { ...step, logits: drawn.map((id) => logitsOf(id)) });
    found.push(result);
    step = { ...step, ids: result.ids, state: { ...result.state } };
  }
  return found;
}

/** Decodes jobs in one go; results in their order. Throws the first refusal. */
export async function decodeAll(engine: Engine, jobs: readonly Job[]): Promise<Decoded[]> {
  async function* source() {
    for (const job of jobs) yield { value: undefined, job };
  }
  const results: Decoded[] = [];
  for await (const { result } of engine.decode(source())) {
    if (result instanceof Refusal) throw result;
    results.push(result!);
  }
  return results;
}

/** Decodes jobs together: each step of each has to change what plain loops change. */
export async function checkAgainstReference(engine: Engine, jobs: readonly Job[]): Promise<void> {
  const { maskId: mask, eosIds: eos, config: { vocabSize: vocab, editIds } } = engine.model;
  const results = await decodeAll(engine, jobs);
  for (const [index, { tokens, decode, seed }] of jobs.entries()) {
    const logitsOf = async (window: number[], rows: number) => {
      const all = await engine.logits(window, decode.block_length);
      const first = window.length - rows;
      return Array.from({ length: rows }, (_, i) => {
        return all.subarray((first + i) * vocab, (first + i + 1) * vocab);
      });
    };
    const wanted = await referenceDecode(logitsOf, tokens, { decode, mask, eos, editIds, seed });
    const at = `prompt ${tokens.length}, ${JSON.stringify(decode)}`;
    const { tokens: found, trace, blocks } = results[index];
    const steps = trace.map(({ accepted, edited }) => ({
      accepted: accepted.map(([position, id]) => [position, id]),
      edited: edited.map(([position, , id]) => [position, id]),
    }));
    assert.deepEqual(steps, wanted.steps, at);
    assert.deepEqual(found, wanted.tokens, at);
    assert.deepEqual(blocks.map((block) => block.steps), wanted.forwards, at);
  }
}
