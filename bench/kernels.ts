/** Each kernel over its bench shapes, beside the device's own measured ceilings. */
import {
  acceptKernel,
  MAX_BLOCK,
  planKernel,
  sampleKernel,
  type SlotBuffers,
} from "../kernels/decode/decode.ts";
import { matmulSpecs } from "../kernels/matmul/matmul.ts";
import { KERNEL_SPECS } from "../kernels/mod.ts";
import { packSlot, PHASE, SLOT_FIELDS, type SlotState } from "../kernels/decode/slots.ts";
import { type KernelSpec, liveRows, uniform } from "../kernels/spec.ts";
import { BufferPool } from "../lib/gpu/buffers.ts";
import type { Gpu } from "../lib/gpu/device.ts";
import emptySource from "./empty.wgsl" with { type: "text" };
import fmaSource from "./fma.wgsl" with { type: "text" };
import { benchHead } from "./head.ts";
import type { Report } from "./report.ts";
import { clockOf, stopwatch, timeDispatches } from "./timing.ts";

/** Times every kernel that has a spec, then those of the decoding loop. */
export async function benchKernels(gpu: Gpu, report: Report): Promise<void> {
  const best = await ceilings(gpu);
  report.add({ group: "ceiling", name: "copy", gbps: best.gbps, share: 1 });
  const arithmetic = gpu.launcher.target === "cpu" ? "matmul f32" : "fma f32";
  report.add({ group: "ceiling", name: arithmetic, gflops: best.gflops, share: 1 });
  report.add({
    group: "ceiling",
    name: "empty dispatch",
    ms: await emptyDispatch(gpu),
    note: "waits for the one before, one lane",
  });
  for (const spec of KERNEL_SPECS) {
    for (const shape of spec.benchShapes) {
      const ms = await timeSpec(gpu, spec, shape);
      const gbps = spec.bytes(shape) / ms / 1e6;
      const gflops = spec.flops(shape) / ms / 1e6;
      report.add({
        group: "kernel",
        name: spec.name,
        shape: Object.entries(shape).map(([key, value]) => `${key}=${value}`).join(" "),
        ms,
        gbps,
        gflops,
        share: Math.max(gbps / best.gbps, gflops / best.gflops),
      });
    }
  }
  for (const vocab of [512, 157_184]) {
    await benchLoopKernels(gpu, report, { vocab, ...best });
    await benchHead(gpu, report, { vocab, width: 128 });
  }
}

/** Milliseconds of a dispatch that depends on the one before it and does nothing. */
async function emptyDispatch(gpu: Gpu): Promise<number> {
  const pool = new BufferPool(gpu);
  const dispatch = await gpu.launcher.prepare({
    label: "empty",
    files: [{ name: "bench/empty.wgsl", text: emptySource }],
    params: { step: 1 },
    bindings: [pool.empty("word", 16)],
    groups: () => [1],
  });
  const times = await timeDispatches(gpu, new Array(20).fill(dispatch), { rows: 1, targetMs: 20 });
  pool.destroy();
  return times.wall / 20;
}

async function timeSpec(gpu: Gpu, spec: KernelSpec, shape: Record<string, number>) {
  const pool = new BufferPool(gpu);
  const buffers = Object.fromEntries(
    Object.entries(spec.inputs(shape)).map(([name, data]) => [
      name,
      pool.upload(name, data),
    ]),
  );
  const dispatches = await spec.prepare(gpu.launcher, shape, buffers);
  const timing = { rows: spec.rows(shape), targetMs: 20 };
  const times = await timeDispatches(gpu, dispatches, timing);
  pool.destroy();
  return times[clockOf(gpu)];
}

/** What a device reaches at best. */
export interface Ceilings {
  readonly gbps: number;
  readonly gflops: number;
}

/** Copy bandwidth, and a CPU driver's best matmul or a GPU's rate of multiply-adds. */
export async function ceilings(gpu: Gpu): Promise<Ceilings> {
  const software = gpu.launcher.target === "cpu";
  const bytes = software ? 32 << 20 : 1 << 29; // above any cache
  const pool = new BufferPool(gpu);
  const [from, to] = [pool.empty("from", bytes), pool.empty("to", bytes)];
  const copy = async (n: number) => {
    const encoder = gpu.device.createCommandEncoder();
    for (let i = 0; i < n; i++) encoder.copyBufferToBuffer(from, 0, to, 0, bytes);
    gpu.device.queue.submit([encoder.finish()]);
    await gpu.device.queue.onSubmittedWorkDone();
  };
  // A GPU is fast, and the end of a submit is noticed to 11 ms; the first copies bring its clock up.
  const [few, many] = software ? [4, 12] : [100, 1600];
  await copy(few);
  const now = stopwatch(gpu);
  // Taken apart before the difference, as in timing.ts: a slow short run must not make the long one look quick.
  let [short, long] = [Infinity, Infinity];
  for (let sample = 0; sample < 5; sample++) {
    const t0 = now();
    await copy(few);
    const t1 = now();
    await copy(many);
    long = Math.min(long, now() - t1);
    short = Math.min(short, t1 - t0);
  }
  const gbps = 2 * bytes * (many - few) / Math.max(0.1, long - short) / 1e6;
  pool.destroy();
  if (!software) return { gbps, gflops: await multiplyAdds(gpu) };
  let gflops = 0;
  const spec = matmulSpecs[0] as unknown as KernelSpec;
  for (const [m, k, n] of [[128, 1024, 1024], [512, 512, 512], [32, 2048, 3072]]) {
    const shape = { m, k, n };
    gflops = Math.max(gflops, spec.flops(shape) / await timeSpec(gpu, spec, shape) / 1e6);
  }
  return { gbps, gflops };
}

/** GFLOP/s of multiply-adds alone. */
async function multiplyAdds(gpu: Gpu): Promise<number> {
  const pool = new BufferPool(gpu);
  const [turns, groups] = [512, 8192];
  const dispatch = await gpu.launcher.prepare({
    label: "fma",
    files: [{ name: "bench/fma.wgsl", text: fmaSource }],
    params: { turns },
    bindings: [pool.empty("out", 4 * 256 * groups)],
    groups: () => [groups],
  });
  const { wall } = await timeDispatches(gpu, [dispatch], { rows: 1 });
  pool.destroy();
  return 2 * 16 * 8 * turns * 256 * groups / wall / 1e6;
}

/** Plan, sample and accept for one block of 32 that accepts nothing, so that each run finds the same. */
async function benchLoopKernels(
  gpu: Gpu,
  report: Report,
  { vocab, gbps: copyRate }: { vocab: number; gbps: number },
): Promise<void> {
  const [block, mask] = [32, 1];
  const pool = new BufferPool(gpu);
  const none = Object.fromEntries(Object.keys(SLOT_FIELDS).map((name) => [name, 0])) as SlotState;
  const slot = {
    ...none,
    phase: PHASE.denoise,
    block,
    end: MAX_BLOCK,
    threshold: 2,
    steps: block,
    temperature: 1, // else `sample` leaves the slot to the fused head
    top_p: 1,
  };
  const rows = Uint32Array.from({ length: 4 * block }, (_, i) => [0, i >> 2, mask, block][i % 4]);
  const words = (label: string, count: number) => pool.empty(label, 4 * count);
  const buffers: SlotBuffers = {
    slots: 1,
    canvasLength: MAX_BLOCK,
    live: pool.upload("live", Uint32Array.of(...liveRows(block), 0, 0, 0, 0)),
    rows: pool.upload("rows", rows),
    state: pool.upload("slots", packSlot(slot)),
    canvas: pool.upload("canvas", new Uint32Array(MAX_BLOCK).fill(mask)),
    confidence: words("confidence", MAX_BLOCK),
    drawn: pool.upload("drawn", rows.map((_, i) => i % 4 === 3 ? 1 : 0)),
    stats: words("stats", 2 * MAX_BLOCK),
    notes: words("notes", 2 * MAX_BLOCK * (1 + MAX_BLOCK)),
    trace: words("trace", 4),
  };
  const filtered = { ...slot, top_k: 50, top_p: 0.9 };
  const logits = pool.upload("logits", uniform(block * vocab, 1, 8));
  const { launcher } = gpu;
  const kernels = {
    plan: await planKernel(launcher, buffers),
    sample: await sampleKernel(launcher, buffers, { logits, vocab, mask }),
    "sample, top-k 50, top-p 0.9": await sampleKernel(
      launcher,
      { ...buffers, state: pool.upload("slots", packSlot(filtered)) },
      { logits, vocab, mask },
    ),
    accept: await acceptKernel(launcher, buffers, { mask, eos: [0], tracing: false }),
  };
  for (const [name, dispatch] of Object.entries(kernels)) {
    const times = await timeDispatches(gpu, [dispatch], { rows: block, targetMs: 20 });
    const ms = times[clockOf(gpu)];
    const gbps = name.startsWith("sample") ? 4 * block * vocab / ms / 1e6 : undefined;
    if (gbps !== undefined || vocab === 512) {
      const shape = `rows=${block} vocab=${vocab}`;
      const share = gbps === undefined ? undefined : gbps / copyRate;
      report.add({ group: "kernel", name, shape, ms, gbps, share });
    }
  }
  pool.destroy();
}
