/**
 * Where a step's time goes on a device: each dispatch in a compute pass of its own, timed by the device's
 * timestamps at the pass's ends, and summed over layers. Passes of their own keep kernels from overlapping,
 * so the sum is above the step's time.
 */
import type { Dispatch } from "../kernels/launch.ts";
import type { Gpu } from "../lib/gpu/device.ts";
import type { KindBudget } from "./budget.ts";
import type { Report } from "./report.ts";
import { hasTimestamps, HEAT_MS, passMilliseconds } from "./timing.ts";

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
  if (!hasTimestamps(gpu)) {
    report.add({ group: "profile", name, shape, note: "not measured: no timestamp-query" });
    return;
  }
  const dispatches = all.filter((dispatch) => runs(dispatch, rows, keys));
  const passes = dispatches.map((dispatch) => (pass: GPUComputePassEncoder) =>
    dispatch.encode(pass, rows, keys)
  );
  let best = await passMilliseconds(gpu, passes);
  const steps = Math.ceil(HEAT_MS / 2 / best.reduce((sum, ms) => sum + ms, 0));
  const heat = (pass: GPUComputePassEncoder) => {
    for (let i = 0; i < steps; i++) {
      for (const dispatch of dispatches) dispatch.encode(pass, rows, keys);
    }
  };
  for (let sample = 0; sample < 4; sample++) {
    const [, ...next] = await passMilliseconds(gpu, [heat, ...passes]);
    best = best.map((ms, i) => Math.min(ms, next[i]));
  }
  gpu.check();
  const kinds = Map.groupBy(
    dispatches.keys(),
    (i) => dispatches[i].label.replace(/^layers\.\d+\./, ""),
  );
  for (const [kind, indices] of kinds) {
    const ms = indices.reduce((sum, i) => sum + best[i], 0);
    const note = `${kind}: ${indices.length} of ${(1e3 * ms / indices.length).toFixed(1)} us`;
    const { bytes, flops } = budgets[kind] ?? {};
    const [gbps, gflops] = [bytes && bytes / ms / 1e6, flops && flops / ms / 1e6];
    report.add({ group: "profile", name, shape, ms, gbps, gflops, note });
  }
}

/** Whether a pass of this size has work for a dispatch: of some kernels each size has its own form. */
function runs(dispatch: Dispatch, rows: number, keys: number): boolean {
  let ran = false;
  const pass = { setPipeline() {}, setBindGroup() {}, dispatchWorkgroups: () => ran = true };
  dispatch.encode(pass as unknown as GPUComputePassEncoder, rows, keys);
  return ran;
}
