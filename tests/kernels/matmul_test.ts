import assert from "@std/assert";
import { matmulKernel } from "../../kernels/matmul.ts";
import { liveRows, uniform } from "../../kernels/spec.ts";
import { wholeWeight } from "../../kernels/weight.ts";
import { BufferPool, readBuffer } from "../../lib/gpu/buffers.ts";
import { type Gpu, openGpu } from "../../lib/gpu/device.ts";
import { withGpu } from "../gpu.ts";

const [K, N] = [72, 52];

/** y of the first `rows` rows of one seeded matrix. */
async function product(gpu: Gpu, rows: number, tileRows?: number): Promise<Uint32Array> {
  const pool = new BufferPool(gpu);
  const y = pool.empty("y", 4 * rows * N);
  const dispatches = await matmulKernel(gpu.launcher, {
    label: "matmul",
    live: pool.upload("live", liveRows(rows) as Uint32Array<ArrayBuffer>),
    x: pool.upload("x", uniform(40 * K, 1) as Float32Array<ArrayBuffer>),
    w: wholeWeight(pool.upload("w", uniform(N * K, 2) as Float32Array<ArrayBuffer>), {
      format: "f32",
      rows: N,
      columns: K,
    }),
    y,
    tileRows,
  });
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  for (const dispatch of dispatches) dispatch.encode(pass, rows);
  pass.end();
  gpu.device.queue.submit([encoder.finish()]);
  const bits = new Uint32Array(await readBuffer(gpu, y, { bytes: 4 * rows * N }));
  pool.destroy();
  return bits;
}

withGpu("matmul gives a row the same bits in any tile, loop and company", {}, async (first) => {
  const wanted = await product(first, 40);
  for (const target of ["cpu", "gpu"] as const) {
    for (const features of [undefined, []]) {
      const gpu = await openGpu({ target, features });
      try {
        for (const [rows, tileRows] of [[1, 1], [3, 4], [17, 8], [40, undefined]] as const) {
          const found = await product(gpu, rows, tileRows);
          const where = `${target}, ${features ?? "all features"}, ${rows} rows`;
          assert.deepEqual(found, wanted.subarray(0, rows * N), where);
        }
      } finally {
        gpu.destroy();
      }
    }
  }
});
