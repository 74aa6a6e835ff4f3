import assert from "@std/assert";
import { NANO, withEngine } from "../../fixtures.ts";
import { withGpu } from "../../gpu.ts";

/** Runs `body` with a copy of nano whose rows choose one expert each, as many to an expert as mini's do. */
async function withFewChoices<V>(body: (dir: string) => Promise<V>): Promise<V> {
  const dir = await Deno.makeTempDir();
  try {
    const config = JSON.parse(await Deno.readTextFile(`${NANO}/config.json`));
    const fields = { ...config, num_experts_per_tok: 1 };
    await Deno.writeTextFile(`${dir}/config.json`, JSON.stringify(fields));
    await Deno.copyFile(`${NANO}/model.safetensors`, `${dir}/model.safetensors`);
    return await body(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

withGpu(
  "few rows find their experts' without lists, to the bit",
  { target: "gpu" },
  async (gpu) => {
    await withFewChoices((dir) =>
      withEngine(gpu, { dir, engine: { slots: 1 } }, async (engine) => {
        const tokens = Array.from({ length: 96 }, (_, i) => (37 * i + 11) % 300);
        const labels = async (count: number) => {
          const seen: string[] = [];
          const logits = await engine.logits(tokens.slice(0, count), 32);
          for (const dispatch of engine.internals.forward) {
            const pass = {
              setPipeline() {},
              setBindGroup() {},
              dispatchWorkgroups: () => seen.push(dispatch.label),
            };
            dispatch.encode(pass as unknown as GPUComputePassEncoder, count, count);
          }
          return { logits, moe: seen.filter((label) => label.startsWith("layers.1.")) };
        };
        const [one, two, three] = [await labels(32), await labels(64), await labels(96)];
        assert.equal(three.moe.length, 11);
        assert.deepEqual(one.moe, three.moe.filter((label) => !label.endsWith(".group")));
        assert.deepEqual(two.moe, one.moe);
        // No block sees those behind it, and no row's company changes its bits.
        assert.deepEqual(one.logits, three.logits.subarray(0, one.logits.length));
        assert.deepEqual(two.logits, three.logits.subarray(0, two.logits.length));
      })
    );
  },
);
