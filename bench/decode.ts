/** A whole denoising step against its kernels, and the loop on the device against a read-back a step. */
import { sample } from "../lib/sample.ts";
import { taskRecords } from "../lib/eval/harness.ts";
import type { ReadyTask } from "../lib/eval/task.ts";
import { Session } from "../lib/session.ts";
import type { Report } from "./report.ts";
import { clockOf, cpuMs, median, timeDispatches } from "./timing.ts";

/** Times nano's step kernel by kernel and whole, then the loop at batch 1, 4 and 16. */
export async function benchDecode(report: Report, tasks: readonly ReadyTask[]): Promise<void> {
  await benchStep(report);
  for (const batch of [1, 4, 16]) await benchLoop(report, tasks, batch);
}

async function benchStep(report: Report): Promise<void> {
  const session = new Session({ batch: 1 });
  const engine = await session.engine();
  const gpu = await session.gpu();
  const { kv, greedy } = engine.internals;
  const forward = [...engine.internals.forward, ...greedy];
  await engine.logits(Array.from({ length: 32 }, (_, i) => 5 + i), 32);
  kv.allocate(0, 32);
  const sums = new Map<string, number>();
  for (const dispatch of forward) {
    const timing = { rows: 32, targetMs: 10, samples: 3 };
    const ms = (await timeDispatches(gpu, [dispatch], timing))[clockOf(gpu)];
    const name = dispatch.label.replace(/^layers\.\d+\./, "");
    sums.set(name, (sums.get(name) ?? 0) + ms);
  }
  const whole = (await timeDispatches(gpu, forward, { rows: 32 }))[clockOf(gpu)];
  kv.release(0);
  await session.close();
  for (const [name, ms] of [...sums].sort(([, a], [, b]) => b - a)) {
    report.add({ group: "decode", name: `step: ${name}`, shape: "all layers", ms });
  }
  const sum = [...sums.values()].reduce((a, b) => a + b);
  report.add({
    group: "decode",
    name: "step, 32 rows",
    shape: "nano",
    ms: whole,
    note: `${(whole / sum).toFixed(2)} of the sum of its ${forward.length} kernels, ${
      sum.toFixed(2)
    } ms`,
  });
}

/** Both ways take turns over the same records; least and median of the rounds count. */
async function benchLoop(
  report: Report,
  tasks: readonly ReadyTask[],
  batch: number,
): Promise<void> {
  const limit = batch === 1 ? 2 : 8;
  const ways = [
    { name: "loop on the device", session: new Session({ batch }) },
    { name: "a read-back a step", session: new Session({ batch, passesPerSubmit: 1 }) },
  ];
  const seen = ways.map(() => ({
    times: [] as number[],
    cpu: [] as number[],
    tokens: 0,
    readBacks: 0,
    blocks: 0,
  }));
  for (let round = 0; round < 5; round++) {
    for (const [index, { session }] of ways.entries()) {
      const { counters } = await session.engine();
      const { readBacks, blocks } = counters;
      let forwards = 0;
      let tokens = 0;
      const start = performance.now();
      const startCpu = cpuMs();
      for await (
        const rec of sample(ReadableStream.from(taskRecords(tasks, { limit })), { session })
      ) {
        const usage = rec.get("usage") as Record<string, number>;
        forwards += usage.forwards;
        tokens += usage.completion_tokens;
      }
      const ms = performance.now() - start;
      if (round === 0) continue; // compiles, and learns how many passes a block takes
      const way = seen[index];
      way.times.push(ms / forwards);
      way.cpu.push((cpuMs() - startCpu) / forwards);
      way.tokens = Math.max(way.tokens, tokens / ms * 1000);
      way.readBacks += counters.readBacks - readBacks;
      way.blocks += counters.blocks - blocks;
    }
  }
  for (const [index, { name, session }] of ways.entries()) {
    const { times, cpu, tokens, readBacks, blocks } = seen[index];
    report.add({
      group: "decode",
      name,
      shape: `batch=${batch}`,
      ms: Math.min(...times),
      note: `a step of a record, median ${median(times).toFixed(2)}, CPU ${
        Math.min(...cpu).toFixed(2)
      }; ${tokens.toFixed(0)} tokens/s, ${(readBacks / blocks).toFixed(2)} read-backs a block`,
    });
    await session.close();
  }
}
