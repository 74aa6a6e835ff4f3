/** A submit of several passes: recorded with the copies that tell what they settled. */
import { FEW_CPU_ROWS } from "../../kernels/matmul/matmul_tiles.ts";
import { isGreedy, SLOT_WORDS } from "../../kernels/decode/slots.ts";
import { stagingBuffer, writeBuffer } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import type { EngineParts, GreedyPass, StoredLogits } from "./pass.ts";
import { mayCommit, rowsOf, type Sequence, type Window } from "./sequence.ts";
import { traceBytes } from "./trace.ts";

/** A submit on its way. */
export interface Flight<T> {
  readonly passes: number;
  /** What is read back: every slot's state, a window of each sequence, and the trace. */
  readonly staging: GPUBuffer;
  readonly windows: readonly Window<T>[];
  /** Byte at which the trace starts. */
  readonly traceAt: number;
}

/** What a submit has to do. */
interface Passes<T> {
  readonly active: ReadonlySet<Sequence<T>>;
  readonly passes: number;
  /** Whether finished blocks are stored by passes of their own (kernels/decode/plan.wgsl). */
  readonly alone: boolean;
  /** The head and draw of whole logits, there once a sequence needed them. */
  readonly stored?: StoredLogits;
  /** The pass for few rows, where there is one. */
  readonly few?: GreedyPass;
  readonly trace: boolean;
}

/** Records the passes and the copies of what they settle, and hands them to the device. */
export function submitPasses<T>(
  gpu: Gpu,
  parts: EngineParts,
  { active, passes, alone, stored, few, trace }: Passes<T>,
): Flight<T> {
  const { buffers, slots, plan, accept } = parts;
  const usual = rowsOf(active);
  const { forward, greedy } = few && usual <= FEW_CPU_ROWS ? few : parts;
  const some = (drawnGreedily: boolean) =>
    [...active].some(({ state }) => isGreedy(state) === drawnGreedily);
  const draw = [
    ...some(true) ? greedy : [],
    ...stored && some(false) ? [...stored.head, stored.sample] : [],
  ];
  const most = alone ? usual : usual + rowsOf([...active].filter(mayCommit));
  const stateBytes = slots.slots * SLOT_WORDS * 4;
  const { windows, end: traceAt } = windowsOf(active, stateBytes);
  const keys = Math.max(...windows.map(({ from, length }) => from + length));
  writeBuffer(gpu, buffers.live, { data: Uint32Array.of(0, 0, 0, alone ? 1 : 0) });
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  for (let i = 0; i < passes; i++) {
    for (const dispatch of [plan, ...forward]) {
      dispatch.encode(pass, most, keys, usual);
    }
    for (const dispatch of [...draw, accept]) dispatch.encode(pass, usual);
  }
  pass.end();
  const traced = trace ? traceBytes(slots.slots, passes) : 0;
  const staging = stagingBuffer(gpu, "decode read-back", traceAt + traced);
  encoder.copyBufferToBuffer(slots.state, 0, staging, 0, stateBytes);
  for (const { sequence, from, length, at } of windows) {
    const first = sequence.slot * slots.canvasLength;
    const block = sequence.job.decode.block_length;
    const bytes = length * 4;
    encoder.copyBufferToBuffer(slots.canvas, (first + from) * 4, staging, at, bytes);
    encoder.copyBufferToBuffer(slots.confidence, (first + from) * 4, staging, at + bytes, bytes);
    const stats = (first + from / block) * 8;
    encoder.copyBufferToBuffer(slots.stats, stats, staging, at + 2 * bytes, length / block * 8);
  }
  if (traced) encoder.copyBufferToBuffer(slots.trace, 0, staging, traceAt, traced);
  gpu.device.queue.submit([encoder.finish()]);
  return { passes, staging, windows, traceAt };
}

/** What each sequence's passes may change, and where behind `at` it is read back to. */
function windowsOf<T>(
  active: ReadonlySet<Sequence<T>>,
  at: number,
): { windows: Window<T>[]; end: number } {
  let end = at;
  const windows = Array.from(active, (sequence) => {
    const { block_length: block } = sequence.job.decode;
    const from = sequence.state.block_start;
    // A pass ends a block at best.
    const length = Math.min(sequence.ahead * block, sequence.canvas.length - from);
    const window = { sequence, from, length, at: end };
    end += length * 4 * 2 + (length / block) * 8;
    return window;
  });
  return { windows, end };
}
