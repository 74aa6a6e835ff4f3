import assert from "@std/assert";
import { sample } from "../../lib/sample.ts";
import { readJsonl } from "../../lib/records/jsonl.ts";
import { Session } from "../../lib/session.ts";
import { NEEDS_GPU } from "../gpu.ts";

const full = Deno.env.has("UNMASK_FULL");
const [FEW, MANY] = full ? [1_000, 10_000] : [300, 1_000];

/** MiB that a process may grow by, and its part outside V8's heap, which takes room for garbage. */
const SLACK = { resident: full ? 96 : 32, native: full ? 48 : 20 };

async function* lines(count: number) {
  const encoder = new TextEncoder();
  for (let i = 0; i < count; i++) yield encoder.encode(`{"id":"r${i}","prompt":"${i}"}\n`);
}

Deno.test(`J23 sample: memory is flat over ${MANY} records`, NEEDS_GPU, async () => {
  const session = new Session();
  const gpu = await session.gpu();
  const decode = { gen_length: 4, block_length: 4, steps: 1, threshold: 0.01 };
  const records = readJsonl(ReadableStream.from(lines(MANY)), { source: "test" });
  const seen: { device: number; resident: number; native: number }[] = [];
  let count = 0;
  for await (const rec of sample(records, { session, decode })) {
    assert.equal(rec.id, `r${count++}`);
    if (count !== FEW && count !== MANY) continue;
    const { rss, heapTotal } = Deno.memoryUsage();
    const mib = (bytes: number) => Number((bytes / 2 ** 20).toFixed(1));
    const native = mib(rss - heapTotal);
    seen.push({ device: mib(gpu.memory.bytes), resident: mib(rss), native });
    if (full) console.log(`${count} records, in MiB:`, seen.at(-1));
  }
  await session.close();
  const [few, many] = seen;
  assert.ok(many.device - few.device < 1, `device: ${few.device} MiB became ${many.device}`);
  for (const [name, slack] of Object.entries(SLACK) as ["resident" | "native", number][]) {
    const grown = many[name] - few[name];
    assert.ok(grown < slack, `${name}: ${grown} MiB more`);
  }
});
