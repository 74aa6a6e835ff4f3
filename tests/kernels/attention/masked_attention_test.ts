import assert from "@std/assert";
import { maskedAttentionGradKernel } from "../../../kernels/attention/masked_attention.ts";
import { BufferPool, readBuffer } from "../../../lib/gpu/buffers.ts";
import { submitPass } from "../../../lib/gpu/submit.ts";
import { withGpu } from "../../gpu.ts";

const FORMS = [[], undefined].flatMap((features) =>
  [32, 36].map((headDim) => ({ features, headDim })) // all in registers, and one past them
);

for (const { features, headDim } of FORMS) {
  // Mesa's CPU driver ends the loops of an invocation early where they turn too often.
  withGpu(
    `a key's gradient has all of many rows (cpu shape, ${
      features ? "no" : "all"
    } features, heads of ${headDim})`,
    {
      target: "cpu",
      features,
    },
    async (gpu) => {
      const shape = { heads: 16, kvHeads: 1, headDim };
      const rows = 6007;
      const stride = (shape.heads + 2 * shape.kvHeads) * shape.headDim;
      const keys = 8;
      const pool = new BufferPool(gpu);
      const zeros = (label: string, count: number) => pool.empty(label, 4 * count);
      const filled = (label: string, count: number, value: number) =>
        pool.upload(label, new Float32Array(count).fill(value));
      // All rows see the first eight and weigh them alike, since all queries are zero.
      const spans = Uint32Array.from({ length: 4 * rows }, (_, i) => i % 4 === 1 ? keys : 0);
      const queries = new Uint32Array(8 * rows);
      for (let key = 0; key < keys; key++) queries[8 * key + 1] = rows;
      const dqkv = zeros("dqkv", rows * stride);
      const dispatches = await maskedAttentionGradKernel(gpu.launcher, {
        label: "gradient",
        ...shape,
        live: pool.upload("live", Uint32Array.of(rows, rows, 1, 0)),
        spans: pool.upload("spans", spans),
        queries: pool.upload("queries", queries),
        qkv: zeros("qkv", rows * stride),
        out: zeros("out", rows * shape.heads * shape.headDim),
        lse: filled("lse", rows * shape.heads, Math.log(keys)),
        dout: filled("dout", rows * shape.heads * shape.headDim, 1),
        dots: zeros("dots", rows * shape.heads),
        dqkv,
      });
      submitPass(gpu, dispatches, rows);
      const found = new Float32Array(await readBuffer(gpu, dqkv, { bytes: 4 * keys * stride }));
      for (let key = 0; key < keys; key++) {
        const dv = found.subarray((key + 1) * stride - shape.headDim, (key + 1) * stride);
        for (const sum of dv) {
          const met = sum * keys / shape.heads;
          assert.ok(Math.abs(met - rows) < 0.5, `key ${key} meets ${met} of ${rows} rows`);
        }
      }
      pool.destroy();
    },
  );
}
