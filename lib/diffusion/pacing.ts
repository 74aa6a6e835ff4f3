/** How many passes a submit holds: what hides the host's delay, learnt from the blocks and submits seen. */
import type { Target } from "../../kernels/launch.ts";
import type { DecodeOptions } from "./options.ts";
import { MAX_TRACED_PASSES } from "./pass.ts";
import { expectedSteps } from "./policies.ts";

/** A submit stays well under the driver's watchdog and Ctrl-C's patience. */
const SUBMIT_MS = 700;

/** What Deno takes to notice that a submit ended: it polls with a sleep of 10 ms. */
const NOTICE_MS = 12;

/** Read-backs of a block to keep to on average; no more than two are allowed. */
const READ_BACKS_PER_BLOCK = 1.5;

/** Steps of a block up to which a pass less saves a CPU driver more than it costs (docs/performance-log.md). */
const FEW_STEPS = 3;

/** What decides beside what is learnt. */
export interface PacingOptions {
  readonly target: Target;
  /** Bytes of the weights, of which a first guess is made. */
  readonly weightBytes: number;
  /** Fixes the passes of a submit. */
  readonly passesPerSubmit?: number;
  /** Milliseconds on a clock; tests bring their own. */
  readonly now?: () => number;
}

/** Learns how long passes and blocks take. */
export class Pacing {
  #stepsPerBlock = 0;
  /** Share of recent blocks that were their record's last one. */
  #lastBlocks = 0;
  /** Milliseconds of a pass per record in it: passes shrink as a run ends. */
  #slotMs: number;
  #lastCollect = 0;

  /** Knows nothing yet. */
  constructor(private readonly options: PacingOptions) {
    this.#slotMs = options.weightBytes / 2e6;
  }

  /** Steps that a block is expected to take. */
  get stepsPerBlock(): number {
    return this.#stepsPerBlock;
  }

  /** Whether a record that is not at its end likely goes on behind its block, instead of stopping there. */
  get goesOn(): boolean {
    return this.#lastBlocks < 0.5;
  }

  /** A record comes; its options are the first guess. */
  admit(decode: DecodeOptions): void {
    this.#stepsPerBlock ||= expectedSteps(decode);
  }

  /** A block ended after so many steps, and with it its record or not. */
  endBlock(steps: number, last: boolean): void {
    this.#stepsPerBlock = 0.5 * this.#stepsPerBlock + 0.5 * steps;
    this.#lastBlocks = 0.75 * this.#lastBlocks + (last ? 0.25 : 0);
  }

  /** A submit of so many passes over so many records was seen to end, while another one `followed` it or not. */
  collect({ passes, slots, followed }: { passes: number; slots: number; followed: boolean }): void {
    const now = this.options.now?.() ?? performance.now();
    if (followed && this.#lastCollect > 0) {
      const ms = (now - this.#lastCollect) / (passes * slots);
      this.#slotMs = 0.5 * this.#slotMs + 0.5 * ms;
    }
    this.#lastCollect = now;
  }

  /**
   * Whether a block is stored by a pass of its own. Else each pass has workgroups for rows to store, which
   * hardly any has: they cost a CPU driver more than a pass less saves, but for blocks of few steps.
   */
  get storesAlone(): boolean {
    return this.options.target === "cpu" && this.#stepsPerBlock > FEW_STEPS;
  }

  /**
   * Passes of the next submit: as few as keep the device busy while the host notices the submit before, since
   * a slot that is done idles until it is seen; about a block's when read-backs were more frequent than allowed.
   */
  passes(slots: number, { readBacks, blocks }: { readBacks: number; blocks: number }): number {
    if (this.options.passesPerSubmit) return this.options.passesPerSubmit;
    const passesPerBlock = this.#stepsPerBlock + (this.storesAlone ? 1 : 0);
    const passMs = slots * this.#slotMs;
    const busy = Math.ceil(NOTICE_MS / passMs);
    const frugal = readBacks >= READ_BACKS_PER_BLOCK * blocks;
    const wanted = frugal ? Math.max(busy, Math.ceil(passesPerBlock / slots)) : busy;
    const affordable = Math.max(1, Math.floor(SUBMIT_MS / passMs));
    return Math.min(wanted, affordable, MAX_TRACED_PASSES);
  }
}
