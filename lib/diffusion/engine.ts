/**
 * Decodes records in blocks, several at once, with the loop on the device: the host submits several
 * passes, reads back what they settled, and refills slots that are done. A block takes a pass for each
 * denoising step: its final keys and values are stored along with the next block's first step, unless a pass
 * of their own costs less (kernels/decode/plan.wgsl). Deno needs 11 ms to notice that the device finished,
 * whatever it did, so two submits are kept in flight, and a submit holds the passes that hide this and bound
 * the read-backs of a block.
 */
import { MAX_BLOCK } from "../../kernels/decode/decode.ts";
import { FEW_CPU_ROWS } from "../../kernels/matmul/matmul_tiles.ts";
import { isGreedy, packSlot, PHASE, REASON, SLOT_WORDS } from "../../kernels/decode/slots.ts";
import { BufferPool, dropStaging, readBuffer, takeMapped, writeBuffer } from "../gpu/buffers.ts";
import { submitPass } from "../gpu/submit.ts";
import type { PassBuffers } from "../model/pass_buffers.ts";
import type { Model } from "../model/model.ts";
import { Refusal } from "../refusal.ts";
import { type Flight, submitPasses } from "./flight.ts";
import { Intake } from "./intake.ts";
import { notFinite } from "./not_finite.ts";
import {
  type EngineParts,
  engineParts,
  type GreedyPass,
  type PartsOptions,
  type StoredLogits,
  writeRows,
} from "./pass.ts";
import { Pacing } from "./pacing.ts";
import { slotRules } from "./policies.ts";
import { refusalOf, sharingRefusalOf, tooLong } from "./refusals.ts";
import {
  atLast,
  atStart,
  type Decoded,
  endOf,
  type Job,
  resultOf,
  rowsOf,
  type Sequence,
  takeWindow,
  wholeBlocks,
} from "./sequence.ts";
import { readTrace } from "./trace.ts";

/** Options of an engine. */
export interface EngineOptions extends PartsOptions {
  /** Fixes the passes of a submit; adapts to recent blocks by default. */
  readonly passesPerSubmit?: number;
}

/** What an engine did so far. */
export interface EngineCounters {
  submits: number;
  readBacks: number;
  passes: number;
  blocks: number;
}

/** A submit on its way, by its number. */
type Numbered = Flight<unknown> & { readonly number: number };

/** Submits in flight: one running, one waiting behind it. */
const FLIGHTS = 2;

/** Decodes records over one model; slots, buffers and the recorded pass live as long as it does. */
export class Engine {
  readonly counters: EngineCounters = { submits: 0, readBacks: 0, passes: 0, blocks: 0 };
  readonly #flights: Numbered[] = [];
  /** Records in a slot. */
  readonly #active = new Set<Sequence<unknown>>();
  readonly #pacing: Pacing;
  /** There once a record needed whole logits. */
  #stored?: StoredLogits;
  /** There once a CPU driver had a record of small blocks. */
  #few?: GreedyPass;
  /** Whether a run of records is under way, which has the device's slots. */
  #decoding = false;
  /** The turn under way, or one that failed, until the run ends. */
  #turn?: Promise<void>;
  /** Settles when a record enters or leaves its slot. */
  #changed: PromiseWithResolvers<void> = Promise.withResolvers();
  /** Settles when nobody has the slot beside those of records. */
  #beside: Promise<void> = Promise.resolve();

  private constructor(
    readonly model: Model,
    readonly options: EngineOptions,
    private readonly parts: EngineParts,
  ) {
    const { launcher: { target } } = model.gpu;
    this.#pacing = new Pacing({ ...options, target, weightBytes: model.weights.bytes });
  }

  /** Makes the buffers and compiles the pass; nothing stays on the device when that fails. */
  static async create(model: Model, options: EngineOptions): Promise<Engine> {
    const pool = new BufferPool(model.gpu);
    try {
      const engine = new Engine(model, options, await engineParts(model, options, pool));
      model.gpu.check();
      return engine;
    } catch (error) {
      pool.destroy();
      throw error;
    }
  }

  /** Most tokens of a prompt and its answer: the model's context, or less where the device holds less. */
  get context(): number {
    const { canvasLength } = this.parts.slots;
    return Math.min(this.model.config.maxPositionEmbeddings, canvasLength - MAX_BLOCK);
  }

  /** Buffers and recorded kernels, for tests and benches of single steps. */
  get internals() {
    return this.parts;
  }

  /** Frees everything but the model. */
  destroy(): void {
    this.parts.pool.destroy();
  }

  /**
   * Decodes jobs as they come; results leave in the order of the jobs, values without one too. A job that
   * cannot be decoded leaves with a refusal, and changes nothing of the others. Refuses while another such
   * loop over results is under way; `prefill` and `logits` may come between. Fails with the reason of a `signal`
   * that is aborted before the next submit.
   */
  async *decode<T>(
    jobs: AsyncIterable<{ value: T; job?: Job }>,
    { signal }: { signal?: AbortSignal } = {},
  ): AsyncGenerator<{ value: T; result?: Decoded | Refusal }> {
    if (this.#decoding) {
      throw new Refusal(
        "Cannot decode: the session is decoding other records, expected one loop over results at a time (end that one, or open another Session)",
      );
    }
    this.#decoding = true;
    const intake = new Intake(jobs);
    /** Taken in and not yet given out, in order. */
    const waiting: (Sequence<T> | { value: T; result?: Refusal; job?: undefined })[] = [];
    const active = this.#active as Set<Sequence<T>>;
    const flights = this.#flights;
    try {
      while (true) {
        while (waiting.length > 0 && (!waiting[0].job || waiting[0].result)) {
          const { value, result } = waiting.shift()!;
          yield { value, result };
        }
        while (active.size < this.options.slots && waiting.length < 8 * this.options.slots) {
          const idle = active.size === 0 && flights.length === 0 && waiting.length === 0;
          const item = idle ? await intake.next() : await intake.ready();
          if (!item) break;
          const { value, job } = item;
          const result = job && refusalOf(job, this.parts, this.model.config);
          if (job && !result) {
            const sequence = await this.#admit({ value, job });
            if (!sequence) break;
            waiting.push(sequence);
          } else waiting.push({ value, result });
          intake.take();
          if (idle && active.size === 0) break; // it can leave before the next one comes
        }
        if (active.size === 0 && flights.length === 0) {
          if (intake.ended && waiting.length === 0) return;
          continue;
        }
        signal?.throwIfAborted();
        await this.#advance();
      }
    } finally {
      const left = [...active];
      active.clear(); // no turn begins for these
      await this.#turn?.catch(() => {}); // told whoever waited for it
      this.#turn = undefined;
      for (const { staging } of flights.splice(0)) dropStaging(this.model.gpu, staging);
      for (const { slot, result } of left) if (!result) this.#abandon(slot);
      this.#decoding = false;
    }
  }

  /** Computes (or copies in) the keys and values of all whole prompt blocks and returns them. */
  async prefill(job: Job): Promise<Uint8Array<ArrayBuffer>[]> {
    const refusal = sharingRefusalOf(job.decode.block_length, this.model.config);
    if (refusal) throw refusal;
    const whole = wholeBlocks(job);
    return await this.#besideRecords(whole, async (slot) => {
      this.#fillPrefix(slot, job, whole);
      return await this.parts.kv.read(slot, 0, whole);
    });
  }

  /**
   * Logits of every position under the block-causal mask, without a cache: [tokens, vocabulary]. For
   * studies and tests; decoding never reads logits back. `after` sees the device after each dispatch.
   */
  async logits(
    tokens: readonly number[],
    blockLength: number,
    after?: (label: string, buffers: PassBuffers) => Promise<void>,
  ): Promise<Float32Array> {
    const { buffers, logitRows } = this.parts;
    const { head, logits } = await this.parts.stored();
    const forward = [...this.parts.forward, ...head];
    if (tokens.length > logitRows) throw tooLong(tokens.length);
    return await this.#besideRecords(tokens.length, async (slot) => {
      const span = { slot, blockLength, from: 0, to: tokens.length };
      writeRows(this.parts, tokens, { ...span, logits: true });
      for (const part of after ? forward.map((dispatch) => [dispatch]) : [forward]) {
        submitPass(this.model.gpu, part, tokens.length);
        await after?.(part[0].label, buffers);
      }
      const bytes = 4 * tokens.length * this.model.config.vocabSize;
      return new Float32Array(await readBuffer(this.model.gpu, logits, { bytes }));
    });
  }

  /**
   * Lends the slot beside those of records, and pages for so many tokens, to one piece of work after another.
   * Records that hold the pages are decoded to their end first, where their loop over results stands still.
   */
  async #besideRecords<V>(tokens: number, work: (slot: number) => Promise<V>): Promise<V> {
    const { kv, slots: { slots: slot, canvasLength } } = this.parts;
    if (tokens > canvasLength) throw tooLong(tokens);
    const before = this.#beside;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#beside = promise;
    await before;
    try {
      while (!kv.allocate(slot, tokens)) {
        if (kv.holders === 0) throw tooLong(tokens);
        await (this.#active.size > 0 ? this.#advance() : this.#changed.promise);
      }
      try {
        return await work(slot);
      } finally {
        kv.release(slot);
      }
    } finally {
      resolve();
    }
  }

  /** Puts a job into a free slot; undefined when rows or pages are short until another one ends. */
  async #admit<T>(
    { value, job }: { value: T; job: Job },
  ): Promise<Sequence<T> | undefined> {
    const active = this.#active as Set<Sequence<T>>;
    const { kv, slots, logitRows } = this.parts;
    const { gpu, maskId } = this.model;
    const { block_length: block } = job.decode;
    const end = endOf(job);
    const used = rowsOf(active);
    const taken = new Set([...active].map((other) => other.slot));
    const slot = Array.from({ length: slots.slots }, (_, s) => s).find((s) => !taken.has(s))!;
    if (used + block > logitRows || !kv.allocate(slot, end)) {
      if (active.size > 0) return undefined;
      await this.#beside;
      if (!kv.allocate(slot, end)) throw tooLong(end);
    }
    const whole = wholeBlocks(job);
    try {
      this.#fillPrefix(slot, job, whole);
      if (job.keep && whole > 0) await job.keep(await kv.read(slot, 0, whole), whole);
      if (!isGreedy(slotRules(job.decode))) this.#stored = await this.parts.stored();
      const small = block <= FEW_CPU_ROWS && gpu.launcher.target === "cpu";
      if (small) this.#few = await this.parts.few();
    } catch (error) {
      this.#free(slot);
      throw error;
    }
    const sequence = atStart({ value, job, slot, since: this.counters.submits, maskId });
    const { state, canvas } = sequence;
    writeBuffer(gpu, slots.state, { data: packSlot(state), offset: slot * SLOT_WORDS * 4 });
    writeBuffer(gpu, slots.canvas, { data: canvas, offset: slot * slots.canvasLength * 4 });
    this.#pacing.admit(job.decode);
    active.add(sequence);
    this.#tellChange();
    return sequence;
  }

  /** Frees a slot whose record nobody waits for any more: passes of a later run must not go on with it. */
  #abandon(slot: number): void {
    const idle = new Uint32Array(SLOT_WORDS).fill(PHASE.idle);
    const offset = slot * SLOT_WORDS * 4;
    writeBuffer(this.model.gpu, this.parts.slots.state, { data: idle, offset });
    this.#free(slot);
  }

  #free(slot: number): void {
    this.parts.kv.release(slot);
    this.#tellChange();
  }

  #tellChange(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  #fillPrefix(slot: number, job: Job, whole: number): void {
    const cached = job.prefix?.tokens ?? 0;
    if (cached > 0) this.parts.kv.write(slot, 0, job.prefix!.parts);
    const block = job.decode.block_length;
    // Whole blocks a pass: a row sees all keys of its block, so they must be written together.
    const perPass = Math.max(1, Math.floor(this.parts.prefillRows / block)) * block;
    for (let from = cached; from < whole; from += perPass) {
      const to = Math.min(whole, from + perPass);
      const span = { slot, blockLength: block, from, to };
      writeRows(this.parts, job.tokens, { ...span, logits: false });
      submitPass(this.model.gpu, this.parts.forward, to - from, to);
      this.counters.submits++;
    }
  }

  /**
   * Keeps the device busy and takes in the oldest submit, for whoever waits: the loop over results, and work
   * beside it that needs its pages. Both may wait for one turn, and a failed one fails the loop's next.
   */
  #advance(): Promise<void> {
    return this.#turn ??= this.#takeTurn().then(() => this.#turn = undefined);
  }

  async #takeTurn(): Promise<void> {
    const flights = this.#flights;
    if (flights.length === 0) flights.push(this.#submit());
    while (flights.length < FLIGHTS && this.#expectsMore) flights.push(this.#submit());
    await this.#collect(flights.shift()!);
  }

  /** Hands several passes to the device. */
  #submit(): Numbered {
    const active = this.#active;
    const passes = this.#pacing.passes(active.size, this.counters);
    for (const sequence of active) sequence.ahead += passes;
    const { trace = false } = this.options;
    const alone = this.#pacing.storesAlone;
    const flight = submitPasses(this.model.gpu, this.parts, {
      active,
      passes,
      alone,
      stored: this.#stored,
      few: this.#few,
      trace,
    });
    this.counters.passes += passes;
    return { ...flight, number: this.counters.submits++ };
  }

  /** Waits for a submit and takes in what it settled. */
  async #collect(flight: Numbered): Promise<void> {
    if (flight.windows.every(({ sequence }) => sequence.result)) {
      // Recorded ahead for records that ended meanwhile: nothing to learn from it.
      dropStaging(this.model.gpu, flight.staging);
      return;
    }
    const words = new Uint32Array(await takeMapped(this.model.gpu, flight.staging));
    this.counters.readBacks++;
    this.#pacing.collect({
      passes: flight.passes,
      slots: flight.windows.length,
      followed: this.#flights.length > 0,
    });
    const { slots } = this.parts;
    for (const window of flight.windows) {
      const { sequence } = window;
      if (sequence.result || flight.number < sequence.since) continue;
      const block = sequence.job.decode.block_length;
      const from = sequence.state.block_start;
      takeWindow(window, words);
      sequence.ahead -= flight.passes;
      if (this.options.trace) {
        const raw = words.subarray(flight.traceAt / 4);
        const where = { slots: slots.slots, slot: sequence.slot, passes: flight.passes, block };
        sequence.trace.push(...readTrace(raw, where));
      }
      const done = sequence.state.phase === PHASE.done;
      this.#countBlocks(sequence, from);
      if (!done) continue;
      sequence.result = sequence.state.reason === REASON.notFinite
        ? await notFinite(this.parts, sequence)
        : resultOf(sequence, this.model.eosIds);
      this.#active.delete(sequence);
      this.#free(sequence.slot);
    }
  }

  /** Counts the blocks that ended since the one at position `from` was at work. */
  #countBlocks<T>({ job, state, blocks }: Sequence<T>, from: number): void {
    const indexOf = (position: number) => (position - wholeBlocks(job)) / job.decode.block_length;
    const done = state.phase === PHASE.done;
    const ended = blocks.slice(indexOf(from), indexOf(state.block_start) + (done ? 1 : 0));
    for (const [i, { steps }] of ended.entries()) {
      this.counters.blocks++;
      this.#pacing.endBlock(steps, done && i === ended.length - 1);
    }
  }

  /** Whether some sequence will likely need passes beyond those submitted. */
  get #expectsMore(): boolean {
    return [...this.#active].some((sequence) => {
      const { goesOn, stepsPerBlock } = this.#pacing;
      return (goesOn && !atLast(sequence)) || sequence.state.step + sequence.ahead < stepsPerBlock;
    });
  }
}
