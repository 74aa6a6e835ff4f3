import assert from "@std/assert";
import { crossEntropyKernel } from "../../kernels/cross_entropy.ts";
import { liveRows, uniform } from "../../kernels/spec.ts";
import { BufferPool, readBuffer } from "../../lib/gpu/buffers.ts";
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
        const values = uniform(rows * vocab, 1, 3) as Float32Array<ArrayBuffer>;
        for (const v of largest) values[vocab + v] = 3.5;
        const logits = pool.upload("logits", values);
        const stats = pool.empty("stats", rows * 16);
        const live = pool.upload("live", liveRows(rows) as Uint32Array<ArrayBuffer>);
        const labels = pool.upload("labels", Uint32Array.of(0, largest[0]));
        const dispatches = await crossEntropyKernel(gpu.launcher, {
          label: "cross_entropy",
          live,
          logits,
          labels,
          stats,
          vocab,
        });
        const encoder = gpu.device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        for (const dispatch of dispatches) dispatch.encode(pass, rows);
        pass.end();
        gpu.device.queue.submit([encoder.finish()]);
        const found = new Uint32Array(await readBuffer(gpu, stats));
        const first = values.subarray(0, vocab);
        const top = first.reduce((a, b) => Math.max(a, b));
        assert.deepEqual([found[3], found[7]], [first.indexOf(top), id], `${vocab}: ${largest}`);
        pool.destroy();
      }
    },
  );
}
