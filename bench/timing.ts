/** How dispatches are timed: n and 3n repetitions in one submit each; the difference cancels the 10 ms that noticing completion takes. */
import process from "node:process";
import type { Dispatch } from "../kernels/launch.ts";
import type { Gpu } from "../lib/gpu/device.ts";

/** Milliseconds of one repetition of `dispatches`, least of `samples`; wall and CPU time. */
export async function timeDispatches(
  gpu: Gpu,
  dispatches: readonly Dispatch[],
  { rows, targetMs = 60, samples = 3 }: { rows: number; targetMs?: number; samples?: number },
): Promise<{ wall: number; cpu: number }> {
  const run = async (n: number) => {
    const encoder = gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (let i = 0; i < n; i++) {
      for (const dispatch of dispatches) dispatch.encode(pass, rows);
    }
    pass.end();
    gpu.device.queue.submit([encoder.finish()]);
    await gpu.device.queue.onSubmittedWorkDone();
  };
  await run(1);
  const start = performance.now();
  await run(2);
  const guess = Math.max(0.01, (performance.now() - start - 10) / 2);
  const n = Math.max(1, Math.min(2000, Math.ceil(targetMs / guess)));
  let wall = Infinity;
  let cpu = Infinity;
  for (let sample = 0; sample < samples; sample++) {
    const c0 = cpuMs();
    const t0 = performance.now();
    await run(n);
    const t1 = performance.now();
    await run(3 * n);
    wall = Math.min(wall, Math.max(1e-4, performance.now() - t1 - (t1 - t0)) / (2 * n));
    cpu = Math.min(cpu, Math.max(1e-4, cpuMs() - c0) / (4 * n));
  }
  gpu.check();
  return { wall, cpu };
}

/** CPU milliseconds of this process so far, all threads. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
