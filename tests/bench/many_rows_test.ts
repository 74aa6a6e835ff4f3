import assert from "@std/assert";
import { manyRowsKernel } from "../../bench/many_rows.ts";
import { matmulKernel } from "../../kernels/matmul/matmul.ts";
import { liveRows, storedWords, uniform } from "../../kernels/spec.ts";
import { WEIGHT_FORMATS, wholeWeight } from "../../kernels/weights/weight.ts";
import { BufferPool, readBuffer } from "../../lib/gpu/buffers.ts";
import { submitPass } from "../../lib/gpu/submit.ts";
import { withGpu } from "../gpu.ts";

/** Rows, channels and weight rows: less than a tile of each, and more. */
const SHAPES = [[5, 72, 20], [70, 328, 130]];

withGpu("the trial for many rows has the teams' bits", { target: "gpu" }, async (gpu) => {
  for (const format of WEIGHT_FORMATS) {
    for (const [rows, k, n] of SHAPES) {
      const pool = new BufferPool(gpu);
      const upload = (data: Float32Array | Uint32Array) =>
        pool.upload("data", data as Float32Array<ArrayBuffer>);
      const { w, scales } = storedWords(uniform(n * k, 2), format, k);
      const shared = {
        label: "matmul",
        live: upload(liveRows(rows)),
        x: upload(uniform(rows * k, 1)),
        w: wholeWeight(upload(w), {
          format,
          rows: n,
          columns: k,
          scales: scales && upload(scales),
        }),
      };
      const bits = await Promise.all([matmulKernel, manyRowsKernel].map(async (kernel) => {
        const y = pool.empty("y", 4 * rows * n);
        submitPass(gpu, await kernel(gpu.launcher, { ...shared, y }), rows);
        return new Uint32Array(await readBuffer(gpu, y, { bytes: 4 * rows * n }));
      }));
      assert.deepEqual(bits[1], bits[0], `${format}, ${rows} x ${k} x ${n}`);
      pool.destroy();
    }
  }
});
