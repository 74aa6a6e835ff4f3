import assert from "@std/assert";
import { CPU_SPAN } from "../../../kernels/attention/attention.ts";
import type { Engine } from "../../../lib/diffusion/engine.ts";
import type { Job } from "../../../lib/diffusion/sequence.ts";
import { resolveDecode } from "../../../lib/diffusion/options.ts";
import { TINY, withEngine } from "../../fixtures.ts";
import { withGpu } from "../../gpu.ts";
import type { Gpu } from "../../../lib/gpu/device.ts";
import { decodeAll } from "./drive.ts";

/** The tiny model with room for `length` positions; YaRN stretches its original 256. */
async function withContext<V>(
  gpu: Gpu,
  { length, slots }: { length: number; slots: number },
  body: (engine: Engine) => Promise<V>,
): Promise<V> {
  const dir = await Deno.makeTempDir();
  const config = JSON.parse(await Deno.readTextFile(`${TINY}/config.json`));
  const yarn = { type: "yarn", factor: length / 256, original_max_position_embeddings: 256 };
  const longer = { ...config, max_position_embeddings: length, rope_scaling: yarn };
  await Deno.writeTextFile(`${dir}/config.json`, JSON.stringify(longer));
  await Deno.copyFile(`${TINY}/model.safetensors`, `${dir}/model.safetensors`);
  try {
    return await withEngine(gpu, { dir, engine: { slots }, model: { dtype: "f16" } }, body);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

function longJob(length: number, first: number): Job {
  const tokens = Array.from({ length }, (_, i) => (first + 37 * i) % 240);
  const values = { block_length: 8, gen_length: 10, steps: 2 };
  return { tokens, decode: resolveDecode([{ values, where: "test" }]), seed: 7 };
}

for (const target of ["cpu", "gpu"] as const) {
  withGpu(`a long context decodes the same alone, in company and from a cache (${target} shapes)`, {
    target,
  }, async (gpu) => {
    const jobs = [longJob(CPU_SPAN + 77, 3), longJob(5, 4), longJob(CPU_SPAN - 2, 5)];
    const alone = await withContext(gpu, { length: 2048, slots: 1 }, async (engine) => {
      assert.equal(engine.internals.split !== undefined, target === "gpu");
      const plain = await decodeAll(engine, jobs);
      const parts = await engine.prefill(jobs[0]);
      const tokens = CPU_SPAN + 8;
      const share = tokens / (jobs[0].tokens.length - jobs[0].tokens.length % 8);
      const prefix = { tokens, parts: parts.map((part) => part.slice(0, part.length * share)) };
      assert.deepEqual(await decodeAll(engine, [{ ...jobs[0], prefix }]), [plain[0]]);
      return plain;
    });
    const together = await withContext(
      gpu,
      { length: 2048, slots: 3 },
      (engine) => decodeAll(engine, jobs),
    );
    assert.deepEqual(together, alone);
  });

  withGpu(`memory grows linearly with the context (${target} shapes)`, { target }, async (gpu) => {
    const bytes: number[] = [];
    for (const length of [8192, 16384, 32768, 65536]) {
      const used = await withContext(gpu, { length, slots: 1 }, () => {
        return Promise.resolve(gpu.memory.bytes);
      });
      bytes.push(used);
    }
    const steps = bytes.slice(1).map((used, i) => (used - bytes[i]) / 2 ** i);
    for (const step of steps) assert.ok(step <= steps[0] * 1.01, `grew by ${steps} per 8,192`);
  });
}
