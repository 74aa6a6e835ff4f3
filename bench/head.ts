/** The head's two ways to a greedy draw: partial results alone, or all logits stored first. */
import { greedyKernel, type SlotBuffers } from "../kernels/decode/decode.ts";
import { headGroups, matmulKernel } from "../kernels/matmul/matmul.ts";
import { packSlot, SLOT_FIELDS, type SlotState } from "../kernels/decode/slots.ts";
import { liveRows, uniform } from "../kernels/spec.ts";
import { wholeWeight } from "../kernels/weights/weight.ts";
import { BufferPool } from "../lib/gpu/buffers.ts";
import type { Gpu } from "../lib/gpu/device.ts";
import type { Report } from "./report.ts";
import { clockOf, timeDispatches } from "./timing.ts";

const ROWS = 32;

/** Times both for a vocabulary; what the stored logits are read by comes on top of the second. */
export async function benchHead(
  gpu: Gpu,
  report: Report,
  { vocab, width }: { vocab: number; width: number },
): Promise<void> {
  const pool = new BufferPool(gpu);
  const w = wholeWeight(pool.upload("w", uniform(vocab * width, 1)), {
    format: "f32",
    rows: vocab,
    columns: width,
  });
  const groups = headGroups(gpu.launcher, w);
  const partials = pool.empty("partials", 16 * ROWS * groups);
  const slot = Object.fromEntries(Object.keys(SLOT_FIELDS).map((name) => [name, 0])) as SlotState;
  const slots = {
    live: pool.upload("live", liveRows(ROWS)),
    rows: pool.upload("rows", new Uint32Array(4 * ROWS)),
    state: pool.upload("slots", packSlot(slot)),
    drawn: pool.empty("drawn", 16 * ROWS),
  } as unknown as SlotBuffers;
  const head = {
    label: "head",
    live: slots.live,
    x: pool.upload("x", uniform(ROWS * width, 2)),
    w,
  };
  const ways = {
    "head and greedy draw": [
      ...await matmulKernel(gpu.launcher, { ...head, y: partials, head: { mask: 1 } }),
      await greedyKernel(gpu.launcher, slots, { partials, groups }),
    ],
    "head, logits stored": await matmulKernel(gpu.launcher, {
      ...head,
      y: pool.empty("logits", 4 * ROWS * vocab),
    }),
  };
  for (const [name, dispatches] of Object.entries(ways)) {
    const times = await timeDispatches(gpu, dispatches, { rows: ROWS, targetMs: 20 });
    const ms = times[clockOf(gpu)];
    const gflops = 2 * ROWS * width * vocab / ms / 1e6;
    report.add({ group: "kernel", name, shape: `rows=32 k=${width} vocab=${vocab}`, ms, gflops });
  }
  pool.destroy();
}
