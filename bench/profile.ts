/**
 * Where a step's time goes on a device: each dispatch in a compute pass of its own, timed by the device's
 * timestamps at the pass's ends, and summed over layers. Passes of their own keep kernels from overlapping,
 * so the sum is above the step's time.
 */
import type { Dispatch } from "../kernels/launch.ts";
import type { Gpu } from "../lib/gpu/device.ts";
import type { KindBudget } from "./budget.ts";
import type { Report } from "./report.ts";

/** Times each kind of dispatch over `rows` rows that see `keys` keys, in the order of a pass. */
export async function profile(
  gpu: Gpu,
  report: Report,
  { name, shape, dispatches: all, rows, keys, budgets }: {
    name: string;
    shape: string;
    dispatches: readonly Dispatch[];
    rows: number;
    keys: number;
    /** By the dispatches' labels without the layer. */
    budgets: Readonly<Record<string, KindBudget>>;
  },
): Promise<void> {
  if (!gpu.features.includes("timestamp-query")) {
    report.add({ group: "profile", name, shape, note: "not measured: no timestamp-query" });
    return;
  }
  const dispatches = all.filter((dispatch) => runs(dispatch, rows, keys));
  let best = await timestamps(gpu, dispatches, rows, keys);
  for (let sample = 0; sample < 4; sample++) {
    const next = await timestamps(gpu, dispatches, rows, keys);
    best = best.map((ns, i) => Math.min(ns, next[i]));
  }
  const kinds = Map.groupBy(
    dispatches.keys(),
    (i) => dispatches[i].label.replace(/^layers\.\d+\./, ""),
  );
  for (const [kind, indices] of kinds) {
    const ns = [...indices].reduce((sum, i) => sum + best[i], 0);
    const count = [...indices].length;
    const note = `${kind}: ${count} of ${(ns / count / 1e3).toFixed(1)} us`;
    const { bytes, flops } = budgets[kind] ?? {};
    const [gbps, gflops] = [bytes && bytes / ns, flops && flops / ns];
    report.add({ group: "profile", name, shape, ms: ns / 1e6, gbps, gflops, note });
  }
}

/** Whether a pass of this size has work for a dispatch: of some kernels each size has its own form. */
function runs(dispatch: Dispatch, rows: number, keys: number): boolean {
  let ran = false;
  const pass = { setPipeline() {}, setBindGroup() {}, dispatchWorkgroups: () => ran = true };
  dispatch.encode(pass as unknown as GPUComputePassEncoder, rows, keys);
  return ran;
}

/** Nanoseconds of each dispatch. */
async function timestamps(
  gpu: Gpu,
  dispatches: readonly Dispatch[],
  rows: number,
  keys: number,
): Promise<number[]> {
  const { device } = gpu;
  const count = 2 * dispatches.length;
  const querySet = device.createQuerySet({ type: "timestamp", count });
  const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const resolved = device.createBuffer({ size: 8 * count, usage: QUERY_RESOLVE | COPY_SRC });
  const read = device.createBuffer({ size: 8 * count, usage: COPY_DST | MAP_READ });
  const encoder = device.createCommandEncoder();
  for (const [i, dispatch] of dispatches.entries()) {
    const timestampWrites = {
      querySet,
      beginningOfPassWriteIndex: 2 * i,
      endOfPassWriteIndex: 2 * i + 1,
    };
    const pass = encoder.beginComputePass({ timestampWrites });
    dispatch.encode(pass, rows, keys);
    pass.end();
  }
  encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
  encoder.copyBufferToBuffer(resolved, 0, read, 0, 8 * count);
  device.queue.submit([encoder.finish()]);
  await read.mapAsync(GPUMapMode.READ);
  const times = [...new BigUint64Array(read.getMappedRange())];
  read.unmap();
  for (const it of [read, resolved, querySet]) it.destroy();
  gpu.check();
  return dispatches.map((_, i) => Number(times[2 * i + 1] - times[2 * i]));
}
