/**
 * `deno task bench [--json FILE] [--only kernels|decode|stages|startup]`: what each kernel, the decoding
 * loop, each stage and each command's start cost, beside the device's own measured ceilings.
 */
import { parseArgs } from "node:util";
import { KERNEL_SPECS } from "../kernels/mod.ts";
import { matmulSpecs } from "../kernels/matmul.ts";
import type { KernelSpec } from "../kernels/spec.ts";
import { COMMANDS } from "../cli/commands.ts";
import { sample } from "../lib/decode.ts";
import { BufferPool } from "../lib/gpu/buffers.ts";
import { type Gpu, openGpu } from "../lib/gpu/device.ts";
import { taskRecords } from "../lib/eval/harness.ts";
import { readJsonl } from "../lib/records/jsonl.ts";
import { Session } from "../lib/session.ts";
import { tokenize } from "../lib/tokenize.ts";
import { openTasks } from "../lib/eval/open_tasks.ts";
import { TASKS } from "../tasks/mod.ts";
import { timeDispatches } from "./timing.ts";

/** One line of the report. */
interface Row {
  group: string;
  name: string;
  shape?: string;
  ms?: number;
  gbps?: number;
  gflops?: number;
  share?: number;
  note?: string;
}

const { values } = parseArgs({ options: { json: { type: "string" }, only: { type: "string" } } });
const rows: Row[] = [];
const wanted = (group: string) => values.only === undefined || values.only === group;

function report(row: Row): void {
  rows.push(row);
  const number = (value: number | undefined, digits: number, unit: string) =>
    value === undefined
      ? "".padStart(10 + unit.length)
      : `${value.toFixed(digits).padStart(10)}${unit}`;
  console.log(
    `${row.group.padEnd(8)} ${row.name.padEnd(30)} ${(row.shape ?? "").padEnd(34)}` +
      number(row.ms, 3, " ms") + number(row.gbps, 2, " GB/s") + number(row.gflops, 2, " GFLOP/s") +
      (row.share === undefined ? "" : ` ${(100 * row.share).toFixed(0).padStart(4)}%`) +
      (row.note ? `  ${row.note}` : ""),
  );
}

async function timeSpec(gpu: Gpu, spec: KernelSpec, shape: Record<string, number>) {
  const pool = new BufferPool(gpu);
  const buffers = Object.fromEntries(
    Object.entries(spec.inputs(shape)).map(([name, data]) => [
      name,
      pool.upload(name, data as Float32Array<ArrayBuffer>),
    ]),
  );
  const dispatches = await spec.prepare(gpu.launcher, shape, buffers);
  const { wall } = await timeDispatches(gpu, dispatches, { rows: spec.rows(shape) });
  pool.destroy();
  return wall;
}

/** Copy bandwidth and best matmul rate: what this device reaches at best. */
async function ceilings(gpu: Gpu): Promise<{ gbps: number; gflops: number }> {
  const bytes = 32 << 20;
  const pool = new BufferPool(gpu);
  const [from, to] = [pool.empty("from", bytes), pool.empty("to", bytes)];
  const copy = async (n: number) => {
    const encoder = gpu.device.createCommandEncoder();
    for (let i = 0; i < n; i++) encoder.copyBufferToBuffer(from, 0, to, 0, bytes);
    gpu.device.queue.submit([encoder.finish()]);
    await gpu.device.queue.onSubmittedWorkDone();
  };
  await copy(1);
  let gbps = 0;
  for (let sample = 0; sample < 3; sample++) {
    const t0 = performance.now();
    await copy(4);
    const t1 = performance.now();
    await copy(12);
    gbps = Math.max(gbps, 2 * bytes * 8 / (performance.now() - t1 - (t1 - t0)) / 1e6);
  }
  pool.destroy();
  let gflops = 0;
  const spec = matmulSpecs[0] as unknown as KernelSpec;
  for (const shape of [{ m: 128, k: 1024, n: 1024 }, { m: 512, k: 512, n: 512 }]) {
    gflops = Math.max(gflops, spec.flops(shape) / await timeSpec(gpu, spec, shape) / 1e6);
  }
  return { gbps, gflops };
}

async function benchKernels(gpu: Gpu): Promise<void> {
  const best = await ceilings(gpu);
  report({ group: "ceiling", name: "copy", gbps: best.gbps, share: 1 });
  report({ group: "ceiling", name: "matmul f32", gflops: best.gflops, share: 1 });
  for (const spec of KERNEL_SPECS) {
    for (const shape of spec.benchShapes) {
      const ms = await timeSpec(gpu, spec, shape);
      const gbps = spec.bytes(shape) / ms / 1e6;
      const gflops = spec.flops(shape) / ms / 1e6;
      report({
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
}

/** A whole denoising step against the sum of its kernels, and the loop against one read-back a step. */
async function benchDecode(): Promise<void> {
  const { ready } = await openTasks(TASKS, { env: Deno.env, notice: console.error });
  const session = new Session({ batch: 1 });
  const engine = await session.engine();
  const gpu = await session.gpu();
  const { forward } = engine.internals;
  await engine.logits(Array.from({ length: 32 }, (_, i) => 5 + i), 32);
  engine.internals.kv.allocate(0, 32);
  let sum = 0;
  for (const dispatch of forward) {
    sum += (await timeDispatches(gpu, [dispatch], { rows: 32, targetMs: 20, samples: 2 })).wall;
  }
  engine.internals.kv.release(0);
  const { wall } = await timeDispatches(gpu, forward, { rows: 32 });
  report({
    group: "decode",
    name: "nano forward, 32 rows",
    ms: wall,
    note: `sum of its ${forward.length} kernels ${sum.toFixed(2)} ms, ratio ${
      (wall / sum).toFixed(2)
    }`,
  });
  await session.close();
  for (const batch of [1, 4, 16]) {
    for (const passesPerSubmit of [undefined, 1]) {
      const session = new Session({ batch, passesPerSubmit });
      const engine = await session.engine();
      const records = () => ReadableStream.from(taskRecords(ready, { limit: batch === 1 ? 3 : 8 }));
      for await (const warm of sample(records(), { session })) void warm;
      const before = { ...engine.counters };
      const start = performance.now();
      let forwards = 0;
      let tokens = 0;
      for await (const rec of sample(records(), { session })) {
        const usage = rec.get("usage") as Record<string, number>;
        forwards += usage.forwards;
        tokens += usage.completion_tokens;
      }
      const ms = performance.now() - start;
      const { readBacks, blocks } = engine.counters;
      report({
        group: "decode",
        name: passesPerSubmit ? "one read-back per step" : "loop on the device",
        shape: `batch=${batch}`,
        ms: ms / forwards,
        note: `per denoising step; ${(tokens / ms * 1000).toFixed(0)} tokens/s, ${
          ((readBacks - before.readBacks) / (blocks - before.blocks)).toFixed(2)
        } read-backs per block`,
      });
      await session.close();
    }
  }
}

async function benchStages(): Promise<void> {
  const count = 20_000;
  const line = '{"id":"a","prompt":"Tom has 12 apples and buys 30 more."}\n';
  const stream = () => new Blob([line.repeat(count)]).stream();
  const session = new Session();
  await session.tokenizer();
  const time = async (name: string, run: () => AsyncIterable<unknown>) => {
    const start = performance.now();
    for await (const rec of run()) String(rec);
    const ms = performance.now() - start;
    report({ group: "stage", name, ms: ms / count, note: `${(count / ms).toFixed(0)}k records/s` });
  };
  await time("JSON Lines in and out", () => readJsonl(stream(), { source: "bench" }));
  await time("tokenize", () => tokenize(readJsonl(stream(), { source: "bench" }), { session }));
  const tokenizer = await session.tokenizer();
  const text = "The quick brown fox has 42 apples; how many are left?\n".repeat(2000);
  const start = performance.now();
  const ids = tokenizer.encode(text);
  const middle = performance.now();
  tokenizer.decode(ids);
  const rate = (from: number, to: number) => `${(ids.length / (to - from)).toFixed(0)}k tokens/s`;
  report({ group: "stage", name: "encode", ms: middle - start, note: rate(start, middle) });
  const end = performance.now();
  report({ group: "stage", name: "decode text", ms: end - middle, note: rate(middle, end) });
}

async function benchStartup(): Promise<void> {
  const main = new URL("../cli/main.ts", import.meta.url).pathname;
  const empty = await Deno.makeTempFile({ suffix: ".ts" });
  const time = async (args: string[]) => {
    let best = Infinity;
    for (let i = 0; i < 5; i++) {
      const start = performance.now();
      await new Deno.Command(Deno.execPath(), { args: ["run", "-A", "--no-check", ...args] })
        .output();
      best = Math.min(best, performance.now() - start);
    }
    return best;
  };
  const base = await time([empty]);
  report({ group: "startup", name: "empty script", ms: base });
  report({ group: "startup", name: "unmask --help", ms: await time([main, "--help"]) });
  for (const { name } of COMMANDS) {
    report({
      group: "startup",
      name: `unmask ${name} --help`,
      ms: await time([main, name, "--help"]),
    });
  }
  await Deno.remove(empty);
}

const gpu = await openGpu();
console.log(
  `${gpu.adapter} (${gpu.backend}, ${gpu.launcher.target} kernels), Deno ${Deno.version.deno}`,
);
if (wanted("kernels")) await benchKernels(gpu);
if (wanted("decode")) await benchDecode();
if (wanted("stages")) await benchStages();
if (wanted("startup")) await benchStartup();
if (values.json) {
  const git = new Deno.Command("git", { args: ["rev-parse", "--short", "HEAD"] });
  const commit = new TextDecoder().decode((await git.output()).stdout).trim();
  const machine = {
    adapter: gpu.adapter,
    backend: gpu.backend,
    kernels: gpu.launcher.target,
    features: gpu.features,
    cores: navigator.hardwareConcurrency,
    deno: Deno.version.deno,
  };
  const date = new Date().toISOString().slice(0, 10);
  await Deno.writeTextFile(
    values.json,
    `${JSON.stringify({ date, commit, machine, rows }, null, 1)}\n`,
  );
}
gpu.destroy();
