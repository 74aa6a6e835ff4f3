import assert from "@std/assert";
import { PAGE } from "../../../kernels/attention/kv_cache.ts";
import { MAX_GROUPS } from "../../../kernels/launch.ts";
import { Engine } from "../../../lib/diffusion/engine.ts";
import { resolveDecode } from "../../../lib/diffusion/options.ts";
import { engineSizes } from "../../../lib/diffusion/sizes.ts";
import { type Checkpoint, openCheckpoint } from "../../../lib/model/checkpoint.ts";
import { shapeConfig } from "../../../lib/quant/shapes.ts";
import { passBytes } from "../../../lib/model/pass_buffers.ts";
import { choicesOf } from "../../../lib/model/routing.ts";
import { openModel } from "../../../lib/model/model.ts";
import { rowBytes } from "../../../kernels/weights/weight.ts";
import { NANO, TINY, withEngine, withNaN } from "../../fixtures.ts";
import { withGpu } from "../../gpu.ts";
import { refuses } from "../../mutate.ts";
import { decodeAll } from "../diffusion/drive.ts";

const experts = (layer: number, projection: string) =>
  Array.from(
    { length: 8 },
    (_, e) => `model.layers.${layer}.mlp.experts.${e}.${projection}.weight`,
  );

const CULPRITS: [string[], string][] = [
  [["model.word_embeddings.weight"], "the embedding"],
  [["model.layers.0.attention.query_key_value.weight"], "layer 0 \\(attention\\)"],
  [["model.layers.0.mlp.down_proj.weight"], "layer 0 \\(MLP\\)"],
  [["model.layers.1.attention.dense.weight"], "layer 1 \\(attention\\)"],
  [experts(2, "up_proj"), "layer 2 \\(MLP\\)"],
  [["lm_head.weight"], "lm_head"],
];

for (const [names, culprit] of CULPRITS) {
  withGpu(
    `M13: NaN in ${names[0]} refuses and names ${culprit.replaceAll("\\", "")}`,
    {},
    (gpu) =>
      withNaN({ names }, async (dir) => {
        await withEngine(gpu, { dir, engine: { slots: 2 } }, async (engine) => {
          const decode = resolveDecode([{
            values: { block_length: 4, gen_length: 8 },
            where: "t",
          }]);
          const job = { tokens: [3, 5, 7, 9, 11, 13], decode, seed: 0 };
          await refuses(
            () => decodeAll(engine, [job]),
            new RegExp(`logits are not finite, first seen in ${culprit}, expected`),
          );
        });
      }),
  );
}

/** The checkpoint with every read noted, in values. */
function watched(checkpoint: Checkpoint, reads: { name: string; values: number }[]): Checkpoint {
  return {
    ...checkpoint,
    async readF32(name, rows) {
      const values = await checkpoint.readF32(name, rows);
      reads.push({ name, values: values.length });
      return values;
    },
    async readRows(name, format, rows) {
      const stored = await checkpoint.readRows(name, format, rows);
      const { values } = rowBytes(format, 32);
      reads.push({ name, values: stored.values.length / values * 32 });
      return stored;
    },
  };
}

withGpu("openModel() reads every value once, at most a tensor at a time", {}, async (gpu) => {
  for (const dir of [TINY, `${TINY}/merged`, NANO]) {
    const reads: { name: string; values: number }[] = [];
    const checkpoint = await openCheckpoint(dir);
    const model = await openModel(gpu, watched(checkpoint, reads));
    const total = reads.reduce((sum, { values }) => sum + values, 0);
    assert.equal(total, checkpoint.numParameters);
    // One expert of a merged tensor counts as a tensor; an interleaved pair is two reads of half.
    const { vocabSize, hiddenSize } = checkpoint.config;
    assert.ok(Math.max(...reads.map(({ values }) => values)) <= vocabSize * hiddenSize);
    assert.equal(model.weights.bytes >= 4 * total, true);
    assert.ok(model.weights.bytes < 4 * total * 1.05);
    model.destroy();
    checkpoint.close();
  }
  assert.equal(gpu.memory.buffers, 0);
});

withGpu("G5: a model above the device's memory refuses before a weight is read", {
  memory: 100_000,
}, async (gpu) => {
  const reads: { name: string; values: number }[] = [];
  const checkpoint = watched(await openCheckpoint(TINY), reads);
  await refuses(
    () => openModel(gpu, checkpoint),
    /Cannot place the weights of ".*tiny-llada2" as f32 on the device: it needs 0.8 MiB, expected at most the 0.1 MiB available \(try --batch 1 or a smaller model: its weights need 0.2 MiB even with --dtype q4\)/,
  );
  assert.deepEqual(reads, []);
  checkpoint.close();
});

withGpu("G5 G16: an engine that does not fit leaves nothing behind", {
  memory: 1_500_000,
}, async (gpu) => {
  const checkpoint = await openCheckpoint(TINY);
  const model = await openModel(gpu, checkpoint);
  const before = gpu.memory.bytes;
  await refuses(() => Engine.create(model, { slots: 64 }), /expected at most the .* available/);
  assert.equal(gpu.memory.bytes, before);
  model.destroy();
  checkpoint.close();
});

withGpu("G16: a load that fails half-way leaves nothing behind", {}, async (gpu) => {
  const checkpoint = await openCheckpoint(TINY);
  let left = 40;
  const failing: Checkpoint = {
    ...checkpoint,
    readRows(name, format, rows) {
      if (left-- === 0) gpu.fail(gpu.memory.exhausted(name, 123));
      return checkpoint.readRows(name, format, rows);
    },
  };
  await refuses(() => openModel(gpu, failing), /out of memory/);
  assert.equal(gpu.memory.buffers, 0);
  checkpoint.close();
}, { failing: true });

Deno.test("engineSizes() prefills more rows a pass on GPUs, within a binding", () => {
  const { config: mini } = shapeConfig("mini");
  const rowsOf = (maxBinding: number, target: "cpu" | "gpu") => {
    const sizes = engineSizes(mini, { slots: 1, maxBinding, kvBytesPerToken: 40_960, target });
    assert.ok(sizes.rows >= sizes.prefillRows);
    return sizes.prefillRows;
  };
  assert.equal(rowsOf(2 ** 31 - 1, "cpu"), 256);
  assert.equal(rowsOf(2 ** 31 - 1, "gpu"), 1024);
  // 9 expert outputs of 2048 channels a row, 72 KiB, whole blocks of 256 rows.
  assert.equal(rowsOf(64 << 20, "gpu"), 768);
  assert.equal(rowsOf(1 << 26, "cpu"), 256);
});

Deno.test("G4 G9: engineSizes() stays within bindings and workgroups", async () => {
  const checkpoint = await openCheckpoint(TINY);
  checkpoint.close();
  const mini = {
    ...checkpoint.config,
    vocabSize: 157184,
    numHiddenLayers: 20,
    numExpertsPerTok: 8,
    maxPositionEmbeddings: 32768,
  };
  for (const slots of [1, 16, 64, 5000]) {
    for (const maxBinding of [1 << 27, 2 ** 31 - 1]) {
      const kvBytesPerToken = 40_960;
      const sizes = engineSizes(mini, { slots, maxBinding, kvBytesPerToken });
      assert.ok(sizes.logitRows * mini.vocabSize * 4 <= maxBinding);
      assert.ok(sizes.rows * choicesOf(mini) <= MAX_GROUPS);
      // Each block that is denoised may have one to store beside it.
      assert.ok(sizes.rows >= 2 * sizes.logitRows);
      const widest = Math.max(...Object.values(passBytes(mini, { ...sizes, slots })));
      assert.ok(widest <= maxBinding, `${widest} bytes of ${maxBinding}`);
      assert.ok(sizes.kvTokens * kvBytesPerToken / 40 <= maxBinding);
      assert.ok(sizes.kvTokens >= sizes.canvasLength && sizes.canvasLength >= 32768 + 256);
    }
  }
  // Three heads of 20 channels: a binding ends inside a page.
  const odd = { ...mini, numHiddenLayers: 2 };
  const { kvTokens } = engineSizes(odd, { slots: 64, maxBinding: 1 << 27, kvBytesPerToken: 960 });
  assert.ok(Math.ceil(kvTokens / PAGE) * PAGE * 240 <= 1 << 27);
  await refuses(
    () => engineSizes(mini, { slots: 1, maxBinding: 100_000, kvBytesPerToken: 40_960 }),
    /logits of one position need 628736 bytes, expected at most .* 100000/,
  );
  // A context that a binding or a driver has no room for is cut to what there is.
  const narrow = { slots: 1, maxBinding: 1 << 24, kvBytesPerToken: 40_960 };
  assert.equal(engineSizes(mini, narrow).canvasLength, 2 ** 14);
  const long = { ...mini, maxPositionEmbeddings: 1 << 18 };
  const options = { slots: 1, maxBinding: 2 ** 31 - 1, kvBytesPerToken: 40_960 };
  assert.equal(engineSizes(long, options).canvasLength, 256_000);
  await refuses(
    () => engineSizes(mini, { slots: 1, maxBinding: 2 ** 20, kvBytesPerToken: 2 ** 17 }),
    /keys of two blocks need 1677721.6 bytes a layer, expected at most .* 1048576/,
  );
  assert.equal(engineSizes(long, { ...options, target: "gpu" }).canvasLength, 262400);
});

withGpu(
  "G4: a tensor whose smallest part exceeds the binding limit refuses with both",
  {},
  async (gpu) => {
    const checkpoint = await openCheckpoint(TINY);
    await refuses(
      () => openModel(gpu, checkpoint, { maxBinding: 500 }),
      /Cannot place "model.word_embeddings.weight" on the device: its smallest part has 512 bytes as f32, expected at most 500 \(try --dtype f16\)/,
    );
    assert.equal(gpu.memory.buffers, 0);
    checkpoint.close();
  },
);
