import assert from "@std/assert";
import { openCheckpoint } from "../../../lib/model/checkpoint.ts";
import { DeviceMemory } from "../../../lib/gpu/memory.ts";
import { buildBatch, type TrainBatch } from "../../../lib/train/streams.ts";
import {
  meanObjective,
  preferenceObjective,
  weightedObjective,
  withConfidence,
} from "../../../lib/train/objectives.ts";
import { totalBytes, trainerBytes } from "../../../lib/train/memory.ts";
import { openTrainer, type Trainer } from "../../../lib/train/trainer.ts";
import { TINY } from "../../fixtures.ts";
import { withGpu } from "../../gpu.ts";
import { refuses } from "../../mutate.ts";
import {
  assertNear,
  BLOCKS,
  checkGradients,
  checkStep,
  copiesOf,
  MASK,
  ROWS,
  TRAINING,
  withTrainer,
} from "./golden.ts";

/** The fixture's README limits losses on a float32 device to this. */
const LOSS = 1e-4;

function mean(values: Iterable<number>): number {
  const all = [...values];
  return all.reduce((sum, value) => sum + value, 0) / all.length;
}

withGpu(
  "the trainer's losses are the golden ones",
  {},
  (gpu) =>
    withTrainer(gpu, async (trainer) => {
      const { losses } = TRAINING;
      const copies = copiesOf(TRAINING.mask);
      const lossOf = async (batch: TrainBatch, noise?: Float32Array<ArrayBuffer>) =>
        meanObjective(batch, await trainer.forward(batch, { noise })).loss;
      const batch = buildBatch(ROWS, copies, BLOCKS);
      const stats = await trainer.forward(batch);
      assertNear(meanObjective(batch, stats).loss, losses.bdlm_mean_over_masked, LOSS, "bdlm");
      TRAINING.ce_per_masked_token.flat().forEach((wanted: number, i: number) =>
        assertNear(stats.crossEntropy[i], wanted, 3e-4, `cross-entropy ${i}`)
      );
      const allowed = TRAINING.n_allowed;
      const weighted = weightedObjective(batch, { stats, allowed }).loss;
      assertNear(weighted, losses.bdlm_weighted_mean_over_allowed, LOSS, "1/t");
      const right = [...stats.argmax.keys()].filter((i) => stats.argmax[i] === batch.labels[i]);
      TRAINING.cap.entropies.flat().forEach((wanted: number, i: number) =>
        assertNear(stats.entropy[right[i]], wanted, LOSS, `entropy ${i}`)
      );
      const variants = {
        bdlm_mean_over_masked_without_doc_mask: { ...BLOCKS, documentMask: false },
        bdlm_shifted_labels_mean: { ...BLOCKS, shifted: true },
        mdlm_mean_over_masked: { ...BLOCKS, block: "row" as const },
      };
      for (const [name, options] of Object.entries(variants)) {
        assertNear(await lossOf(buildBatch(ROWS, copies, options)), losses[name], LOSS, name);
      }
      const noisy = await lossOf(batch, embeddingNoise(batch, trainer.config.hiddenSize));
      assertNear(noisy, losses.embedding_noise_bdlm_mean, LOSS, "embedding noise");
      assertNear(await lossOf(batch), losses.bdlm_mean_over_masked, LOSS, "noise is gone again");
    }),
);

/** The fixture's noise, a wave over positions and channels, on masked rows. */
function embeddingNoise(batch: TrainBatch, hidden: number): Float32Array<ArrayBuffer> {
  const noise = new Float32Array(batch.count * hidden);
  for (const row of batch.masked) {
    const [packed, position] = batch.rows.subarray(4 * row);
    for (let h = 0; h < hidden; h++) {
      const wave = Math.sin(0.37 * (position * hidden + h) + 0.11 * (packed + 1));
      noise[row * hidden + h] = 0.1 * wave;
    }
  }
  return noise;
}

withGpu(
  "corrupted tokens are targets beside masked ones",
  {},
  (gpu) =>
    withTrainer(gpu, async (trainer) => {
      const { corrupt } = TRAINING.t2t;
      const copies = copiesOf(TRAINING.mask).map(({ tokens, targets, ...copy }) => ({
        ...copy,
        tokens: tokens.map((token, i) => corrupt[copy.row][i] ? (token + 7) % 240 : token),
        targets: targets.map((target, i) => target | corrupt[copy.row][i]),
      }));
      const batch = buildBatch(ROWS, copies, BLOCKS);
      const { loss } = meanObjective(batch, await trainer.forward(batch));
      assertNear(loss, TRAINING.t2t.mean_over_masked_and_corrupted, LOSS, "t2t");
    }),
);

withGpu("DPO's bounds and loss are the golden ones", {}, async (gpu) => {
  const { prompt, chosen, rejected, mask, t, beta, block } = TRAINING.dpo;
  const answers: number[][] = [chosen, rejected].map((answer) => [...prompt, ...answer]);
  const rows = answers.map((tokens) => ({
    tokens: Uint32Array.from(tokens),
    documents: new Uint32Array(tokens.length),
    maskable: Uint8Array.from(tokens, (_, i) => i >= prompt.length ? 1 : 0),
  }));
  const copies = answers.map((tokens, row) => ({
    row,
    tokens: Uint32Array.from(tokens, (token, i) => mask[i] ? MASK : token),
    targets: Uint8Array.from(mask),
    t,
  }));
  const batch = buildBatch(rows, copies, { block, documentMask: true, mask: MASK });
  await withTrainer(gpu, (trainer) =>
    withTrainer(gpu, async (frozen) => {
      const policy = await trainer.forward(batch);
      const reference = await frozen.forward(batch);
      const pairs = [{ chosen: [0], rejected: [1] }];
      const { loss } = preferenceObjective(batch, { policy, reference, pairs, beta });
      assertNear(loss, TRAINING.dpo.loss, LOSS, "dpo");
      const bound = ({ crossEntropy }: typeof policy, copy: number) =>
        crossEntropy.reduce((sum, ce, i) => sum - (batch.targets.copy[i] === copy ? ce / t : 0), 0);
      assertNear(bound(policy, 0), TRAINING.dpo.elbo_policy_chosen, 30 * LOSS, "policy, chosen");
      assertNear(bound(reference, 1), TRAINING.dpo.elbo_reference_rejected, 30 * LOSS, "reference");
    }, { frozen: true, scaleHead: 0.9 }));
});

withGpu(
  "a complementary pair shares one clean stream",
  {},
  (gpu) =>
    withTrainer(gpu, async (trainer) => {
      const inverse = TRAINING.complementary.mask;
      const pair = buildBatch(ROWS, [...copiesOf(TRAINING.mask), ...copiesOf(inverse)], BLOCKS);
      const { crossEntropy } = await trainer.forward(pair);
      assertNear(
        mean(crossEntropy),
        TRAINING.complementary.pair_mean_over_all_masked,
        LOSS,
        "pair",
      );
      const second = crossEntropy.filter((_, i) => pair.targets.copy[i] >= 2);
      assertNear(mean(second), TRAINING.complementary.bdlm_mean_over_masked, LOSS, "inverse");
    }),
);

for (const recompute of [false, true]) {
  const how = recompute ? "computed again" : "kept";
  withGpu(
    `gradients are the golden ones, activations ${how}`,
    {},
    (gpu) =>
      withTrainer(gpu, async (trainer) => {
        const batch = buildBatch(ROWS, copiesOf(TRAINING.mask), BLOCKS);
        for (
          const [name, beta] of [["gradients_bdlm", 0], ["gradients_bdlm_plus_2cap", 2]] as const
        ) {
          const stats = await trainer.forward(batch);
          const objective = withConfidence(meanObjective(batch, stats), { batch, stats, beta });
          assertNear(objective.loss, TRAINING[name].loss, 3 * LOSS, "loss");
          trainer.backward(objective.coefficients);
          await checkGradients(trainer, TRAINING[name]);
          trainer.clearGradients();
        }
      }, { recompute }),
  );
}

async function valuesOf(trainer: Trainer, kind: "weights" | "gradients") {
  const found = new Map<string, Float32Array>();
  for await (const { name, values } of trainer.read(kind)) found.set(name, values);
  return found;
}

withGpu("activations computed again give the same gradients, bit for bit", {}, async (gpu) => {
  const batch = buildBatch(ROWS, copiesOf(TRAINING.mask), BLOCKS);
  const [kept, again] = await Promise.all([false, true].map(async (recompute) => {
    let found = new Map<string, Float32Array>();
    await withTrainer(gpu, async (trainer) => {
      const stats = await trainer.forward(batch);
      trainer.backward(meanObjective(batch, stats).coefficients);
      found = await valuesOf(trainer, "gradients");
    }, { recompute });
    return found;
  }));
  assert.deepEqual(again, kept);
});

withGpu(
  "the padding token's embedding decays and is never trained",
  {},
  (gpu) =>
    withTrainer(gpu, async (trainer) => {
      const { padTokenId, hiddenSize } = trainer.config;
      const table = "model.word_embeddings.weight";
      const row = (values: Float32Array) =>
        values.subarray(padTokenId * hiddenSize, (padTokenId + 1) * hiddenSize);
      // Whole rows of padding behind one mask, which they predict and see.
      const rows = ROWS.map((row) => ({ ...row, tokens: row.tokens.map(() => padTokenId) }));
      const masks = rows.map(({ tokens }) => Array.from(tokens, (_, i) => i === 5 ? 1 : 0));
      const copies = masks.map((targets, row) => ({
        row,
        tokens: rows[row].tokens.map((token, i) => targets[i] ? MASK : token),
        targets: Uint8Array.from(targets),
        t: 1,
      }));
      const batch = buildBatch(rows, copies, BLOCKS);
      assert.ok(batch.rows.some((word, i) => i % 4 === 2 && word === padTokenId));
      const before = row((await valuesOf(trainer, "weights")).get(table)!);
      const stats = await trainer.forward(batch);
      trainer.backward(meanObjective(batch, stats).coefficients);
      const gradient = row((await valuesOf(trainer, "gradients")).get(table)!);
      assert.deepEqual(gradient, new Float32Array(hiddenSize));
      const adamw = { beta1: 0.9, beta2: 0.999, eps: 1e-8, maxGradNorm: 1 };
      await trainer.step({ ...adamw, lr: 0.5, weightDecay: 0.5 });
      const after = row((await valuesOf(trainer, "weights")).get(table)!);
      assert.deepEqual(after, before.map((value) => value * 0.75));
    }),
);

withGpu(
  "a model without QK norms is trained as its checkpoint tells",
  {},
  (gpu) =>
    withTrainer(gpu, async (trainer) => {
      const batch = buildBatch(ROWS, copiesOf(TRAINING.mask), BLOCKS);
      const adamw = { beta1: 0.9, beta2: 0.999, eps: 1e-8, maxGradNorm: 1 };
      await trainer.step({ ...adamw, lr: 0.5, weightDecay: 0.5 });
      const wanted = await trainer.forward(batch);
      const weights = await valuesOf(trainer, "weights");
      await trainer.write("weights", { values: (name) => Promise.resolve(weights.get(name)!) });
      assert.deepEqual(await trainer.forward(batch), wanted);
    }, { config: { useQkNorm: false } }),
);

withGpu("experts are balanced by the rows that trained, not by those measured", {}, async (gpu) => {
  const batch = buildBatch(ROWS, copiesOf(TRAINING.mask), BLOCKS);
  const other = buildBatch(ROWS, copiesOf(TRAINING.complementary.mask), BLOCKS);
  /** Steps that each bias makes by the passes of `body`, in units of the rate. */
  const moved = async (body: (trainer: Trainer) => Promise<void>) => {
    const found: number[][] = [];
    await withTrainer(gpu, async (trainer) => {
      const biases = async () =>
        [...await valuesOf(trainer, "weights")].filter(([name]) => name.endsWith(".expert_bias"));
      const before = await biases();
      await body(trainer);
      trainer.balance(0.25);
      for (const [layer, [, values]] of (await biases()).entries()) {
        found.push([...values].map((value, i) => Math.round((value - before[layer][1][i]) / 0.25)));
      }
    });
    return found;
  };
  const pass = async (trainer: Trainer) =>
    trainer.backward(meanObjective(batch, await trainer.forward(batch)).coefficients);
  const wanted = await moved(pass);
  assert.ok(wanted.every((steps) => steps.includes(1) && steps.includes(-1)), `${wanted}`);
  const measured = await moved(async (trainer) => {
    await trainer.forward(other);
    await pass(trainer);
    await trainer.forward(other);
  });
  assert.deepEqual(measured, wanted);
  const forgotten = await moved(async (trainer) => {
    await pass(trainer);
    trainer.balance(0);
  });
  assert.ok(forgotten.flat().every((step) => step === 0), `${forgotten}`);
});

withGpu("the first AdamW step is the golden one", {}, (gpu) => withTrainer(gpu, checkStep));

withGpu(
  "the first AdamW step is as long as the learning rate",
  {},
  (gpu) =>
    withTrainer(gpu, async (trainer) => {
      const name = "lm_head.weight";
      const read = async (kind: "weights" | "gradients") => {
        for await (const tensor of trainer.read(kind)) {
          if (tensor.name === name) return tensor.values;
        }
        throw new Error(name);
      };
      const batch = buildBatch(ROWS, copiesOf(TRAINING.mask), BLOCKS);
      trainer.backward(meanObjective(batch, await trainer.forward(batch)).coefficients);
      const [before, gradients] = [await read("weights"), await read("gradients")];
      const adamw = { beta1: 0.9, beta2: 0.999, eps: 1e-30, weightDecay: 0, maxGradNorm: 1e9 };
      await trainer.step({ ...adamw, lr: 1 });
      for (const [i, value] of (await read("weights")).entries()) {
        if (Math.abs(gradients[i]) < 1e-9) continue; // its square is none of float32's
        assertNear(Math.abs(value - before[i]), 1, 1e-6, `${name}[${i}]`);
      }
    }),
);

withGpu("openTrainer() leaves room for what comes later, or refuses", {}, async (gpu) => {
  const checkpoint = await openCheckpoint(TINY);
  const tensors = { values: (name: string) => checkpoint.readF32(name) };
  const sizes = { rows: 160, targets: 80, length: TRAINING.length };
  const { config } = checkpoint;
  const total = totalBytes(trainerBytes(config, sizes, { recompute: false }));
  const limit = 100 * total;
  const memory = new DeviceMemory(limit);
  const opened = async (reserve: number) => {
    const options = { ...sizes, tensors, reserve };
    const trainer = await openTrainer({ ...gpu, memory }, config, options);
    trainer.destroy();
    return trainer.options.recompute;
  };
  assert.equal(await opened(limit - total), false);
  assert.equal(await opened(limit - total + 1), true);
  await refuses(() => opened(limit), /Cannot place training .* available/);
  assert.equal(memory.bytes, 0);
  checkpoint.close();
});

withGpu(
  "openTrainer() refuses passes of more rows than a dispatch has workgroups",
  {},
  async (gpu) => {
    const checkpoint = await openCheckpoint(TINY);
    const tensors = { values: (name: string) => checkpoint.readF32(name) };
    const sizes = { rows: 65536, targets: 32768, length: 64 };
    await refuses(
      () => openTrainer(gpu, checkpoint.config, { ...sizes, tensors }),
      /passes of 65536 rows: expected at most 65535/,
    );
    const unlimited = { ...gpu, memory: new DeviceMemory() };
    const wide = { ...checkpoint.config, vocabSize: 65536 };
    await refuses(
      () => openTrainer(unlimited, wide, { ...sizes, tensors, rows: 64, targets: 65535 }),
      /Cannot make buffer "logits": .* \(try a smaller micro_batch, /,
    );
    assert.equal(unlimited.memory.bytes, 0, "what was made before it is freed");
    checkpoint.close();
  },
);

withGpu(
  "what was written is read back, bit for bit",
  {},
  (gpu) =>
    withTrainer(gpu, async (trainer) => {
      const checkpoint = await openCheckpoint(TINY);
      const names = [];
      for await (const { name, shape, values } of trainer.read("weights")) {
        assert.deepEqual(values, new Float32Array(await checkpoint.readF32(name)), name);
        assert.equal(values.length, shape.reduce((product, size) => product * size, 1));
        names.push(name);
      }
      assert.deepEqual(names.sort(), [...checkpoint.names].sort());
      checkpoint.close();
    }),
);
