/** Reads the trace that `kernels/decode/accept.wgsl` leaves: what each denoising step accepted and edited. */
import { MAX_BLOCK } from "../../kernels/decode/decode.ts";

/** One denoising step of one record. */
export interface TraceStep {
  /** Block index, counted from position 0 of the sequence. */
  block: number;
  /** Step inside the block, from 0. */
  step: number;
  /** Masked positions before the step. */
  masked: number;
  /** Whether too few positions passed the threshold and the best were taken instead. */
  fallback: boolean;
  /** [position, id, confidence] */
  accepted: [number, number, number][];
  /** [position, old id, new id, confidence] */
  edited: [number, number, number, number][];
  /** Masked positions after the step. */
  left: number;
}

const STRIDE = 4 * (1 + MAX_BLOCK);

/** Bytes of the trace of `passes` passes over `slots` slots. */
export function traceBytes(slots: number, passes: number): number {
  return 4 * STRIDE * slots * passes;
}

/** Steps of one slot, in order; `words` starts at the first pass. */
export function readTrace(
  words: Uint32Array,
  where: { slots: number; slot: number; passes: number; block: number },
): TraceStep[] {
  const floats = new Float32Array(words.buffer, words.byteOffset, words.length);
  const steps: TraceStep[] = [];
  for (let pass = 0; pass < where.passes; pass++) {
    const at = (pass * where.slots + where.slot) * STRIDE;
    const [flags, step, masked, left] = words.subarray(at);
    if ((flags & 1) === 0) continue;
    const start = flags >>> 2;
    const found: TraceStep = {
      block: start / where.block,
      step,
      masked,
      fallback: (flags & 2) !== 0,
      accepted: [],
      edited: [],
      left,
    };
    for (let i = 0; i < where.block; i++) {
      const row = at + 4 * (1 + i);
      const [kind, old, token] = words.subarray(row);
      if (kind === 1) found.accepted.push([start + i, token, floats[row + 3]]);
      if (kind === 2) found.edited.push([start + i, old, token, floats[row + 3]]);
    }
    steps.push(found);
  }
  return steps;
}
