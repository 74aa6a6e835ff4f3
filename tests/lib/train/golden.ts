/** The tiny model's golden batch of training, and what has to come of it. */
import assert from "@std/assert";
import type { Gpu } from "../../../lib/gpu/device.ts";
import { openCheckpoint } from "../../../lib/model/checkpoint.ts";
import type { ModelConfig } from "../../../lib/model/config.ts";
import { meanObjective } from "../../../lib/train/objectives.ts";
import { buildBatch, type NoisyCopy, type PackedRow } from "../../../lib/train/streams.ts";
import { openTrainer, type Trainer } from "../../../lib/train/trainer.ts";
import { GOLDEN, TINY } from "../../fixtures.ts";

/** Batch, losses and gradients of golden.json. */
export const TRAINING = GOLDEN.training;

/** Id of the mask. */
export const MASK = 244;

/** The fixture's README limits gradients on a float32 device to this share of their norms. */
const NORM = 1e-3;

/** The batch's rows as they are without noise. */
export const ROWS: PackedRow[] = TRAINING.clean.map((tokens: number[], row: number) => ({
  tokens: Uint32Array.from(tokens),
  documents: Uint32Array.from(TRAINING.doc[row]),
  maskable: Uint8Array.from(TRAINING.allowed[row]),
}));

/** Noisy copies of both rows whose targets are these, masked. */
export function copiesOf(targets: number[][]): NoisyCopy[] {
  return targets.map((row, index) => ({
    row: index,
    tokens: Uint32Array.from(row, (masked, i) => masked ? MASK : TRAINING.clean[index][i]),
    targets: Uint8Array.from(row),
    t: TRAINING.t[index],
  }));
}

/** How the batch is laid out. */
export const BLOCKS = { block: TRAINING.block, documentMask: true, mask: MASK };

/** Runs `body` with the tiny model in training, then frees everything. */
export async function withTrainer(
  gpu: Gpu,
  body: (trainer: Trainer) => Promise<void>,
  options: {
    recompute?: boolean;
    frozen?: boolean;
    scaleHead?: number;
    config?: Partial<ModelConfig>;
  } = {},
): Promise<void> {
  const checkpoint = await openCheckpoint(TINY);
  const { scaleHead = 1 } = options;
  const trainer = await openTrainer(gpu, { ...checkpoint.config, ...options.config }, {
    ...options,
    tensors: {
      async values(name) {
        const values = await checkpoint.readF32(name);
        return name === "lm_head.weight" ? values.map((value) => value * scaleHead) : values;
      },
    },
    rows: 160,
    targets: 80,
    length: TRAINING.length,
  });
  try {
    await body(trainer);
  } finally {
    trainer.destroy();
    checkpoint.close();
  }
}

/** Fails where numbers differ by more than `limit`. */
export function assertNear(found: number, wanted: number, limit: number, what: string): void {
  assert.ok(Math.abs(found - wanted) <= limit, `${what}: found ${found}, wanted ${wanted}`);
}

/** Fails unless the trainer's gradients are these: norms of all tensors, and some whole. */
// deno-lint-ignore no-explicit-any
export async function checkGradients(trainer: Trainer, golden: any): Promise<void> {
  let squares = 0;
  const seen = new Set<string>();
  for await (const { name, values } of trainer.read("gradients")) {
    const square = values.reduce((sum, value) => sum + value * value, 0);
    squares += square;
    seen.add(name);
    const norm = golden.norms[name];
    assertNear(Math.sqrt(square), norm, Math.max(NORM * norm, 1e-6), `norm of ${name}`);
    const full = golden.full?.[name]?.flat();
    const scale = full && Math.max(...full.map(Math.abs));
    full?.forEach((wanted: number, i: number) =>
      assertNear(values[i], wanted, NORM * scale, `${name}[${i}]`)
    );
    if (name !== "model.word_embeddings.weight" || !golden.embedding_row_mask_token) continue;
    golden.embedding_row_mask_token.forEach((wanted: number, i: number) =>
      assertNear(values[MASK * 64 + i], wanted, NORM, `mask token's row [${i}]`)
    );
  }
  assert.deepEqual([...seen].sort(), Object.keys(golden.norms).sort());
  assertNear(Math.sqrt(squares), golden.global_norm, NORM * golden.global_norm, "global norm");
}

/** Takes the golden batch forward and backward, and makes the first AdamW step; fails unless all is as it was. */
export async function checkStep(trainer: Trainer): Promise<void> {
  const golden = TRAINING.gradients_bdlm.adamw_step_1;
  const batch = buildBatch(ROWS, copiesOf(TRAINING.mask), BLOCKS);
  const stats = await trainer.forward(batch);
  trainer.backward(meanObjective(batch, stats).coefficients);
  await checkGradients(trainer, TRAINING.gradients_bdlm);
  const { gradientNorm } = await trainer.step({
    lr: golden.lr,
    beta1: golden.beta1,
    beta2: golden.beta2,
    eps: golden.eps,
    weightDecay: golden.weight_decay,
    maxGradNorm: golden.max_grad_norm,
  });
  assertNear(golden.max_grad_norm / gradientNorm, golden.clip_coefficient, 1e-5, "clip");
  const found = new Map<string, Float32Array>();
  for await (const { name, values } of trainer.read("weights")) found.set(name, values);
  for (const [name, wanted] of Object.entries(golden.parameters_after)) {
    (wanted as number[]).flat().forEach((value, i) =>
      assertNear(found.get(name)![i], value, 1e-4, `${name}[${i}]`)
    );
  }
  for await (const { name, values } of trainer.read("gradients")) {
    assert.ok(values.every((value) => value === 0), `${name} is cleared`);
  }
}
