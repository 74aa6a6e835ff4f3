import assert from "@std/assert";
import { greedyKernel, type SlotBuffers } from "../../../kernels/decode/decode.ts";
import { headGroups, matmulKernel } from "../../../kernels/matmul/matmul.ts";
import { packSlot, SLOT_FIELDS, type SlotState } from "../../../kernels/decode/slots.ts";
import { liveRows, uniform } from "../../../kernels/spec.ts";
import type { Weight } from "../../../kernels/weights/weight.ts";
import { BufferPool, readBuffer } from "../../../lib/gpu/buffers.ts";
import type { Gpu } from "../../../lib/gpu/device.ts";
import { submitPass } from "../../../lib/gpu/submit.ts";
import { withGpu } from "../../gpu.ts";

const MASK = 2;

interface Case {
  readonly rows: number;
  readonly width: number;
  readonly vocab: number;
  /** Rows of W in each chunk. */
  readonly chunk?: number;
  /** Changes x or W before the run. */
  readonly spoil?: (x: Float32Array, w: Float32Array) => void;
}

/** Runs head and draw; tokens, confidences and whether all logits were finite. */
async function draw(gpu: Gpu, { rows, width, vocab, chunk = vocab, spoil }: Case) {
  const pool = new BufferPool(gpu);
  const x = uniform(rows * width, 1);
  const values = uniform(vocab * width, 2, 3);
  spoil?.(x, values);
  const starts = Array.from({ length: Math.ceil(vocab / chunk) }, (_, i) => i * chunk);
  const w: Weight = {
    format: "f32",
    experts: 1,
    rows: vocab,
    columns: width,
    chunks: starts.map((start) => {
      const count = Math.min(chunk, vocab - start);
      const part = values.slice(start * width, (start + count) * width);
      return { buffer: pool.upload("w", part), start, count };
    }),
  };
  const groups = headGroups(gpu.launcher, w);
  const none = Object.fromEntries(Object.keys(SLOT_FIELDS).map((name) => [name, 0])) as SlotState;
  const drawn = pool.empty("drawn", 16 * rows);
  const live = pool.upload("live", Uint32Array.from(liveRows(rows)));
  const partials = pool.empty("partials", 16 * rows * groups);
  const buffers = {
    live,
    rows: pool.upload("rows", new Uint32Array(4 * rows)),
    state: pool.upload("slots", packSlot(none)),
    drawn,
  } as unknown as SlotBuffers;
  const dispatches = [
    ...await matmulKernel(gpu.launcher, {
      label: "head",
      live,
      rowsAt: 1,
      x: pool.upload("x", x),
      w,
      y: partials,
      head: { mask: MASK },
    }),
    await greedyKernel(gpu.launcher, buffers, { partials, groups }),
  ];
  submitPass(gpu, dispatches, rows);
  const bytes = await readBuffer(gpu, drawn);
  pool.destroy();
  const words = new Uint32Array(bytes);
  const floats = new Float32Array(bytes);
  const found = Array.from({ length: rows }, (_, row) => ({
    token: words[4 * row],
    confidence: floats[4 * row + 1],
    finite: words[4 * row + 3] === 1,
  }));
  return { found, x, w: values };
}

/** argmax without the mask, and its probability, in float64. */
function reference(x: Float32Array, w: Float32Array, vocab: number) {
  const logits = Array.from(
    { length: vocab },
    (_, v) => x.reduce((sum, value, i) => sum + value * w[v * x.length + i], 0),
  );
  const top = Math.max(...logits.filter((_, v) => v !== MASK));
  const sum = logits.reduce((total, z) => total + Math.exp(z - top), 0);
  return { token: logits.findIndex((z, v) => v !== MASK && z === top), confidence: 1 / sum };
}

const CASES: Record<string, Case> = {
  "one row": { rows: 1, width: 4, vocab: 4 },
  "a vocabulary of 33": { rows: 9, width: 12, vocab: 33 },
  "one past a tile": { rows: 33, width: 64, vocab: 257 },
  "a split vocabulary": { rows: 17, width: 20, vocab: 601, chunk: 100 },
  "ties": {
    rows: 10,
    width: 8,
    vocab: 300,
    chunk: 130,
    spoil: (x, w) => {
      x.fill(1);
      for (const id of [MASK, 40, 41, 135, 299]) w.fill(5, id * 8, (id + 1) * 8);
    },
  },
};

const TARGETS = [
  { name: "cpu shape", options: { target: "cpu" } },
  { name: "cpu shape, no features", options: { target: "cpu", features: [] } },
  { name: "gpu shape", options: { target: "gpu" } },
] as const;

for (const { name, options } of TARGETS) {
  withGpu(`the fused head draws what stored logits would (${name})`, options, async (gpu) => {
    for (const [at, test] of Object.entries(CASES)) {
      const { found, x, w } = await draw(gpu, test);
      for (const [row, { token, confidence, finite }] of found.entries()) {
        const mine = x.subarray(row * test.width, (row + 1) * test.width);
        const wanted = reference(mine, w, test.vocab);
        assert.equal(token, wanted.token, `${at} row ${row}`);
        // f32 sums of `width` terms under an exp, summed over the vocabulary.
        const error = Math.abs(confidence - wanted.confidence);
        assert.ok(error < 1e-5 * wanted.confidence, `${at} row ${row}: off by ${error}`);
        assert.ok(finite, `${at} row ${row}`);
      }
    }
  });

  withGpu(`the fused head tells values that are not finite (${name})`, options, async (gpu) => {
    for (const value of [NaN, Infinity, -Infinity]) {
      const spoil = (x: Float32Array) => x.set([value], 3 * 16);
      const { found } = await draw(gpu, { rows: 20, width: 16, vocab: 70, spoil });
      assert.deepEqual(found.map(({ finite }) => finite), found.map((_, row) => row !== 3));
    }
  });
}
