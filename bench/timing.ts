/**
 * How dispatches are timed: on a GPU by its timestamps at both ends of a pass of n repetitions. Elsewhere n
 * and 3n repetitions in one submit each; the difference cancels the 10 ms that noticing completion takes. CPU
 * time counts all threads: the figure that survives a shared machine when the device is a software one.
 */
import process from "node:process";
import type { Dispatch } from "../kernels/launch.ts";
import type { Gpu } from "../lib/gpu/device.ts";

/** What kernels are timed by: CPU time of all cores on a software device, wall time on a GPU. */
export function clockOf(gpu: Gpu): "cpu" | "wall" {
  return gpu.launcher.target === "cpu" ? "cpu" : "wall";
}

/** That clock, in milliseconds. */
export function stopwatch(gpu: Gpu): () => number {
  return clockOf(gpu) === "cpu" ? cpuMs : () => performance.now();
}

/** Milliseconds of one repetition, least and median of the samples. */
export interface Timing {
  readonly wall: number;
  readonly wallMedian: number;
  readonly cpu: number;
  readonly cpuMedian: number;
}

/** How long a GPU is kept busy before it is timed: an idle one takes its clock down to a sixth. */
export const HEAT_MS = 300;

/** What is timed, and how thoroughly. */
interface Timed {
  readonly gpu: Gpu;
  /** Records `n` repetitions. */
  readonly repeated: (n: number) => (pass: GPUComputePassEncoder) => void;
  /** How long the repetitions of a sample take, about. */
  readonly targetMs: number;
  readonly samples: number;
  readonly heatMs: number;
}

/** Times one repetition of `dispatches` over `rows` rows that see at most `keys` keys (`Dispatch.encode`). */
export async function timeDispatches(
  gpu: Gpu,
  dispatches: readonly Dispatch[],
  { rows, keys, usual, targetMs = 60, samples = 3, heatMs = HEAT_MS }: {
    rows: number;
    keys?: number;
    usual?: number;
    targetMs?: number;
    samples?: number;
    heatMs?: number;
  },
): Promise<Timing> {
  const repeated = (n: number) => (pass: GPUComputePassEncoder) => {
    for (let i = 0; i < n; i++) {
      for (const dispatch of dispatches) dispatch.encode(pass, rows, keys, usual);
    }
  };
  const timed = { gpu, repeated, targetMs, samples, heatMs };
  await run(timed, 1);
  const stamped = gpu.launcher.target === "gpu" && hasTimestamps(gpu);
  const timing = await (stamped ? byTimestamps(timed) : byDifference(timed));
  gpu.check();
  return timing;
}

/** Waits for `n` repetitions. */
async function run({ gpu: { device }, repeated }: Timed, n: number): Promise<void> {
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  repeated(n)(pass);
  pass.end();
  device.queue.submit([encoder.finish()]);
  await device.queue.onSubmittedWorkDone();
}

async function byTimestamps(
  { gpu, repeated, targetMs, samples, heatMs }: Timed,
): Promise<Timing> {
  const times = async (counts: readonly number[]) => {
    const ms = await passMilliseconds(gpu, counts.map(repeated));
    return ms.map((all, i) => all / counts[i]);
  };
  const timesOf = (ms: number, each: number) => Math.max(1, Math.min(8000, Math.ceil(ms / each)));
  const guess = Math.max(1e-3, (await times([2]))[0]);
  const heat = timesOf(heatMs / 4, guess);
  const quick = Math.min(...(await times([heat, heat, heat, heat])));
  const n = timesOf(targetMs, quick);
  const c0 = cpuMs();
  // In one submit behind a first one that keeps the device busy, so that it has no time to slow down.
  const [, ...found] = await times(new Array(1 + samples).fill(n));
  const cpu = (cpuMs() - c0) / ((1 + samples) * n);
  return { wall: Math.min(...found), wallMedian: median(found), cpu, cpuMedian: cpu };
}

async function byDifference(timed: Timed): Promise<Timing> {
  const { targetMs, samples } = timed;
  const start = performance.now();
  await run(timed, 2);
  const guess = Math.max(0.01, (performance.now() - start - 10) / 2);
  const n = Math.max(1, Math.min(2000, Math.ceil(targetMs / guess)));
  const [short, long, cpu]: [number[], number[], number[]] = [[], [], []];
  for (let sample = 0; sample < samples; sample++) {
    const c0 = cpuMs();
    const t0 = performance.now();
    await run(timed, n);
    const t1 = performance.now();
    await run(timed, 3 * n);
    short.push(t1 - t0);
    long.push(performance.now() - t1);
    cpu.push((cpuMs() - c0) / (4 * n));
  }
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

/** Whether a device can tell when a pass begins and ends. */
export function hasTimestamps({ features }: Gpu): boolean {
  return features.includes("timestamp-query");
}

/** Milliseconds of each of several passes of one submit, by the device's own clock. */
export async function passMilliseconds(
  { device }: Gpu,
  passes: readonly ((pass: GPUComputePassEncoder) => void)[],
): Promise<number[]> {
  const count = 2 * passes.length;
  const querySet = device.createQuerySet({ type: "timestamp", count });
  const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const resolved = device.createBuffer({ size: 8 * count, usage: QUERY_RESOLVE | COPY_SRC });
  const read = device.createBuffer({ size: 8 * count, usage: COPY_DST | MAP_READ });
  const encoder = device.createCommandEncoder();
  for (const [i, encode] of passes.entries()) {
    const [beginningOfPassWriteIndex, endOfPassWriteIndex] = [2 * i, 2 * i + 1];
    const timestampWrites = { querySet, beginningOfPassWriteIndex, endOfPassWriteIndex };
    const pass = encoder.beginComputePass({ timestampWrites });
    encode(pass);
    pass.end();
  }
  encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
  encoder.copyBufferToBuffer(resolved, 0, read, 0, 8 * count);
  device.queue.submit([encoder.finish()]);
  await read.mapAsync(GPUMapMode.READ);
  const nanoseconds = [...new BigUint64Array(read.getMappedRange())];
  read.unmap();
  for (const it of [read, resolved, querySet]) it.destroy();
  return passes.map((_, i) => Number(nanoseconds[2 * i + 1] - nanoseconds[2 * i]) / 1e6);
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
