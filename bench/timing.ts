/**
 * How dispatches are timed: n and 3n repetitions in one submit each; the difference cancels the 10 ms
 * that noticing completion takes. CPU time counts all threads: the figure that survives a shared machine
 * when the device is a software one.
 */
import process from "node:process";
import type { Dispatch } from "../kernels/launch.ts";
import type { Gpu } from "../lib/gpu/device.ts";

/** What kernels are timed by: CPU time of all cores on a software device, wall time on a GPU. */
export function clockOf(gpu: Gpu): "cpu" | "wall" {
  return gpu.launcher.target === "cpu" ? "cpu" : "wall";
}

/** Milliseconds of one repetition, least and median of the samples. */
export interface Timing {
  readonly wall: number;
  readonly wallMedian: number;
  readonly cpu: number;
  readonly cpuMedian: number;
}

/** Times one repetition of `dispatches`. */
export async function timeDispatches(
  gpu: Gpu,
  dispatches: readonly Dispatch[],
  { rows, targetMs = 60, samples = 3 }: { rows: number; targetMs?: number; samples?: number },
): Promise<Timing> {
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
  const [short, long, cpu]: [number[], number[], number[]] = [[], [], []];
  for (let sample = 0; sample < samples; sample++) {
    const c0 = cpuMs();
    const t0 = performance.now();
    await run(n);
    const t1 = performance.now();
    await run(3 * n);
    short.push(t1 - t0);
    long.push(performance.now() - t1);
    cpu.push((cpuMs() - c0) / (4 * n));
  }
  gpu.check();
  // Taken apart before the difference: one slow short run must not make the long one look quick.
  const apart = (pick: (times: readonly number[]) => number) =>
    Math.max(1e-4, pick(long) - pick(short)) / (2 * n);
  return {
    wall: apart((times) => Math.min(...times)),
    wallMedian: apart(median),
    cpu: Math.min(...cpu),
    cpuMedian: median(cpu),
  };
}

/** CPU milliseconds of this process so far, all threads. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** The middle value, the upper one of two. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
