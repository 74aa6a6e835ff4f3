/** What training has to do as a whole, on the tiny model. */
import assert from "@std/assert";
import type { Gpu } from "../../../lib/gpu/device.ts";
import { openCheckpoint } from "../../../lib/model/checkpoint.ts";
import { initialTensors } from "../../../lib/train/init.ts";
import { noisyCopies } from "../../../lib/train/noise.ts";
import { meanObjective } from "../../../lib/train/objectives.ts";
import { transposedSpans } from "../../../lib/train/spans.ts";
import { buildBatch, type PackedRow, type TrainBatch } from "../../../lib/train/streams.ts";
import { openTrainer, type Trainer } from "../../../lib/train/trainer.ts";
import { TINY } from "../../fixtures.ts";
import { withGpu } from "../../gpu.ts";

const MASK = 244;
const ORDINARY = 240;
const LENGTH = 32;

/** Tokens that look random and are the same every time. */
function tokensOf(seed: number, length = LENGTH): Uint32Array {
  return Uint32Array.from({ length }, (_, i) => (seed * 7919 + i * i * 31 + i * 17) % ORDINARY);
}

function rowOf(seed: number, documents = new Uint32Array(LENGTH)): PackedRow {
  return { tokens: tokensOf(seed), documents, maskable: new Uint8Array(LENGTH).fill(1) };
}

async function withTiny(
  gpu: Gpu,
  options: { rows: number; targets: number; fresh?: boolean },
  body: (trainer: Trainer) => Promise<void>,
): Promise<void> {
  const checkpoint = await openCheckpoint(TINY);
  const { config } = checkpoint;
  const tensors = options.fresh
    ? initialTensors(config, { seed: 3, range: 0.1 })
    : { values: (name: string) => checkpoint.readF32(name) };
  const trainer = await openTrainer(gpu, config, { ...options, tensors, length: LENGTH });
  try {
    await body(trainer);
  } finally {
    trainer.destroy();
    checkpoint.close();
  }
}

/** The masked and the inverse copy of each row, half of it each. */
function pairsOf(rows: readonly PackedRow[], step: number, block: number) {
  return rows.flatMap((row, number) =>
    noisyCopies(row, number, {
      bandwidth: [0.5, 0.5],
      ratioBlock: block,
      complementary: true,
      mask: MASK,
      ordinary: [0, ORDINARY],
      key: { seed: 1, step, row: number },
    })
  );
}

withGpu(
  "training drives the loss of ten rows below 0.01",
  {},
  (gpu) =>
    withTiny(gpu, { rows: 1000, targets: 400, fresh: true }, async (trainer) => {
      const rows = Array.from({ length: 10 }, (_, seed) => rowOf(seed + 1));
      const adamw = { beta1: 0.9, beta2: 0.98, eps: 1e-8, weightDecay: 0, maxGradNorm: 1 };
      const options = { block: 8, documentMask: true, mask: MASK };
      const batch = buildBatch(rows, pairsOf(rows, 0, 8), options);
      let loss = Infinity;
      for (let step = 0; step < 200 && loss >= 0.01; step++) {
        const objective = meanObjective(batch, await trainer.forward(batch));
        trainer.backward(objective.coefficients);
        await trainer.step({ ...adamw, lr: Math.min(3e-3, 3e-4 * (step + 1)) });
        loss = objective.loss;
      }
      assert.ok(loss < 0.01, `the loss is ${loss} after 200 steps`);
    }),
);

withGpu(
  "a document's loss does not depend on the others of its row, bit for bit",
  {},
  (gpu) =>
    withTiny(gpu, { rows: 200, targets: 80 }, async (trainer) => {
      const documents = Uint32Array.from({ length: LENGTH }, (_, i) => i < 13 ? 0 : i < 22 ? 1 : 2);
      const one = rowOf(1, documents);
      const changed = tokensOf(2);
      const other = {
        ...one,
        tokens: one.tokens.map((token, i) => documents[i] === 1 ? changed[i] : token),
      };
      for (const block of [1, 8, "row"] as const) {
        const losses = async (row: PackedRow) => {
          const copies = pairsOf([row], 0, LENGTH);
          const batch = buildBatch([row], copies, { block, documentMask: true, mask: MASK });
          const { crossEntropy } = await trainer.forward(batch);
          return [...crossEntropy].map((value, i) => [documents[batch.targets.position[i]], value]);
        };
        const [before, after] = [await losses(one), await losses(other)];
        const own = (of: number[][], number: number) => of.filter(([d]) => d === number);
        assert.deepEqual(own(after, 0), own(before, 0), `block ${block}: first document`);
        assert.deepEqual(own(after, 2), own(before, 2), `block ${block}: last document`);
        assert.notDeepEqual(own(after, 1), own(before, 1), `block ${block}: the changed document`);
      }
    }),
);

withGpu(
  "block size 1 is next-position prediction of a causal model",
  {},
  (gpu) =>
    withTiny(gpu, { rows: 600, targets: 80 }, async (trainer) => {
      const row = rowOf(5);
      const all = { row: 0, tokens: row.tokens.map(() => MASK), targets: row.maskable, t: 1 };
      const options = { block: 1, documentMask: true, mask: MASK };
      const found = await trainer.forward(buildBatch([row], [all], options));
      const wanted = await trainer.forward(nextPositions(row.tokens));
      for (let i = 0; i < LENGTH; i++) {
        const difference = Math.abs(found.crossEntropy[i] - wanted.crossEntropy[i]);
        assert.ok(difference < 1e-4, `position ${i}: ${difference}`);
      }
    }),
);

/** For each position alone: the tokens before it, then a mask, all causal; the mask predicts the token. */
function nextPositions(tokens: Uint32Array): TrainBatch {
  const rows: number[] = [];
  const spans: number[] = [];
  const targetRows: number[] = [];
  for (let asked = 0; asked < tokens.length; asked++) {
    const start = rows.length / 4;
    for (let position = 0; position <= asked; position++) {
      rows.push(0, position, position === asked ? MASK : tokens[position], 0);
      spans.push(start, start + position + 1, 0, 0);
    }
    targetRows.push(rows.length / 4 - 1);
  }
  const count = tokens.length;
  return {
    rows: Uint32Array.from(rows),
    spans: Uint32Array.from(spans),
    queries: transposedSpans(Uint32Array.from(spans), 4),
    count: rows.length / 4,
    targetRows: Uint32Array.from(targetRows),
    labels: tokens,
    targets: {
      copy: new Uint32Array(count),
      position: Uint32Array.from({ length: count }, (_, i) => i),
      t: new Float64Array(count).fill(1),
      masked: new Uint8Array(count).fill(1),
    },
    masked: Uint32Array.from(targetRows),
  };
}
