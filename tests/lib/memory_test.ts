import assert from "@std/assert";
import { sample } from "../../lib/decode.ts";
import { readJsonl } from "../../lib/records/jsonl.ts";
import { Session } from "../../lib/session.ts";
import { NEEDS_GPU } from "../gpu.ts";

const full = Deno.env.has("UNMASK_FULL");
const [FEW, MANY] = full ? [1_000, 10_000] : [300, 1_000];

/** MiB that room for garbage may take; a compiled shader or a block's buffers a pass would take more. */
const SLACK = full ? 64 : 20;

async function* lines(count: number) {
  const encoder = new TextEncoder();
  for (let i = 0; i < count; i++) yield encoder.encode(`{"id":"r${i}","prompt":"${i}"}\n`);
}

Deno.test(`J23 sample: memory is flat over ${MANY} records`, NEEDS_GPU, async () => {
  const session = new Session();
  const gpu = await session.gpu();
  const decode = { gen_length: 4, block_length: 4, steps: 1, threshold: 0.01 };
  const records = readJsonl(ReadableStream.from(lines(MANY)), { source: "test" });
  const seen: { device: number; resident: number }[] = [];
  let count = 0;
  for await (const rec of sample(records, { session, decode })) {
    assert.equal(rec.id, `r${count++}`);
    if (count !== FEW && count !== MANY) continue;
    seen.push({ device: gpu.memory.bytes, resident: Deno.memoryUsage().rss });
    if (full) {
      const [device, resident] = Object.values(seen.at(-1)!).map((n) => (n / 2 ** 20).toFixed(1));
      console.log(`${count} records: ${device} MiB on the device, ${resident} MiB resident`);
    }
  }
  await session.close();
  const [few, many] = seen;
  assert.ok(many.device - few.device < 1 << 20, `${few.device} bytes became ${many.device}`);
  const grown = (many.resident - few.resident) / 2 ** 20;
  assert.ok(grown < SLACK, `${grown} MiB more resident`);
});
