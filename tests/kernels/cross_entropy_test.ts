import assert from "@std/assert";
import { crossEntropyGradKernel, crossEntropyKernel } from "../../kernels/cross_entropy.ts";
import { liveRows, uniform } from "../../kernels/spec.ts";
import { BufferPool, readBuffer } from "../../lib/gpu/buffers.ts";
import { submitPass } from "../../lib/gpu/submit.ts";
import { withGpu } from "../gpu.ts";

/** Vocabulary, ids that share the largest logit, label, and the id expected. */
const CASES = [
  { vocab: 1, largest: [0], id: 0 },
  { vocab: 7, largest: [6], id: 6 },
  { vocab: 7, largest: [5, 2, 3], id: 2 },
  { vocab: 512, largest: [511, 480], id: 480 },
  { vocab: 512, largest: [32, 1, 129], id: 1 },
  { vocab: 5000, largest: [4999, 1029, 2056], id: 1029 },
  { vocab: 157_184, largest: [156_895, 156_892], id: 156_892 },
];

for (const target of ["cpu", "gpu"] as const) {
  withGpu(
    `crossEntropyKernel() finds the lowest id on top (${target} shape)`,
    { target },
    async (gpu) => {
      for (const { vocab, largest, id } of CASES) {
        const pool = new BufferPool(gpu);
        const rows = 2;
        const values = uniform(rows * vocab, 1, 3);
        for (const v of largest) values[vocab + v] = 3.5;
        const logits = pool.upload("logits", values);
        const stats = pool.empty("stats", rows * 16);
        const live = pool.upload("live", liveRows(rows));
        const labels = pool.upload("labels", Uint32Array.of(0, largest[0]));
        const dispatches = await crossEntropyKernel(gpu.launcher, {
          label: "cross_entropy",
          live,
          logits,
          labels,
          stats,
          vocab,
        });
        submitPass(gpu, dispatches, rows);
        const found = new Uint32Array(await readBuffer(gpu, stats));
        const first = values.subarray(0, vocab);
        const top = first.reduce((a, b) => Math.max(a, b));
        assert.deepEqual([found[3], found[7]], [first.indexOf(top), id], `${vocab}: ${largest}`);
        pool.destroy();
      }
    },
  );
}

withGpu(
  "crossEntropyGradKernel() keeps the gradient of labels that are all but certain",
  {},
  async (gpu) => {
    const pool = new BufferPool(gpu);
    const [rows, vocab] = [64, 33];
    const values = uniform(rows * vocab, 1);
    for (let r = 0; r < rows; r++) values[r * vocab] = 9 + 0.03 * r;
    // As large as logits get: a float32 near them has steps of 8e-6.
    const shifted = values.map((value) => value + 90);
    const buffers = {
      live: pool.upload("live", liveRows(rows)),
      logits: pool.upload("logits", shifted),
      labels: pool.upload("labels", new Uint32Array(rows)),
      stats: pool.empty("stats", rows * 16),
    };
    const coefficients = pool.upload(
      "coefficients",
      new Float32Array(2 * rows).map((_, i) => 1 - i % 2),
    );
    const options = { label: "cross_entropy", ...buffers, vocab };
    const dispatches = [
      ...await crossEntropyKernel(gpu.launcher, options),
      ...await crossEntropyGradKernel(gpu.launcher, { ...options, coefficients }),
    ];
    submitPass(gpu, dispatches, rows);
    const found = new Float32Array(await readBuffer(gpu, buffers.logits));
    for (let r = 0; r < rows; r++) {
      const z = shifted.subarray(r * vocab, (r + 1) * vocab);
      const others = z.slice(1).reduce((sum, value) => sum + Math.exp(value - z[0]), 0);
      const wanted = -others / (1 + others);
      // Near 1 an exponential may be off by 3 in its last place, 2^-24.
      assert.ok(
        Math.abs(found[r * vocab] - wanted) <= 4e-7,
        `${r}: ${found[r * vocab]}, ${wanted}`,
      );
    }
    pool.destroy();
  },
);
