import assert from "@std/assert";
import {
  attentionKernel,
  attentionSpecs,
  mostKeys,
  SPAN,
  splitSize,
} from "../../kernels/attention.ts";
import { PAGE } from "../../kernels/kv_cache.ts";
import { liveRows } from "../../kernels/spec.ts";
import { BufferPool, readBuffer } from "../../lib/gpu/buffers.ts";
import type { Gpu } from "../../lib/gpu/device.ts";
import { withGpu } from "../gpu.ts";

const SHAPE = {
  rows: 13,
  heads: 4,
  kvHeads: 2,
  headDim: 36,
  pages: 3 * SPAN / PAGE + 1,
  split: 16,
};

/** Output of the rows `keep`, alone in their pass. */
async function attend(
  gpu: Gpu,
  { split, keep, keys }: { split: number; keep: readonly number[]; keys?: number },
): Promise<Float32Array> {
  const [spec] = attentionSpecs;
  const inputs = spec.inputs(SHAPE);
  const stride = SHAPE.heads + 2 * SHAPE.kvHeads;
  const pick = <A extends Float32Array | Uint32Array>(all: A, width: number) =>
    keep.flatMap((row) => Array.from(all.subarray(row * width, (row + 1) * width)));
  inputs.live = Uint32Array.of(keep.length, keep.length, 1, 0);
  inputs.rows = Uint32Array.from(pick(inputs.rows, 4));
  inputs.qkv = Float32Array.from(pick(inputs.qkv, stride * SHAPE.headDim));
  const pool = new BufferPool(gpu);
  const buffers = Object.fromEntries(
    Object.entries(inputs).map((
      [name, data],
    ) => [name, pool.upload(name, data as Float32Array<ArrayBuffer>)]),
  );
  const dispatches = await spec.prepare(gpu.launcher, { ...SHAPE, split }, buffers);
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  for (const dispatch of dispatches) dispatch.encode(pass, keep.length, keys);
  pass.end();
  gpu.device.queue.submit([encoder.finish()]);
  const bytes = 4 * keep.length * SHAPE.heads * SHAPE.headDim;
  const out = new Float32Array(await readBuffer(gpu, buffers.out, { bytes }));
  pool.destroy();
  return out;
}

const ALL = Array.from({ length: SHAPE.rows }, (_, row) => row);

for (
  const { name, options } of [
    { name: "cpu shape", options: { target: "cpu" } },
    { name: "cpu shape, no features", options: { target: "cpu", features: [] } },
    { name: "gpu shape", options: { target: "gpu" } },
  ] as const
) {
  withGpu(`attention gives a row the same bits split and whole, alone and in company (${name})`, {
    ...options,
  }, async (gpu) => {
    const whole = await attend(gpu, { split: 0, keep: ALL });
    assert.deepEqual(await attend(gpu, { split: 16, keep: ALL }), whole);
    // One row more than may be split, and keys that one span holds.
    assert.deepEqual(await attend(gpu, { split: 12, keep: ALL }), whole);
    const width = SHAPE.heads * SHAPE.headDim;
    for (const split of [0, 16]) {
      for (const row of [0, 4, 9, 12]) {
        const alone = await attend(gpu, { split, keep: [row] });
        assert.deepEqual(alone, whole.slice(row * width, (row + 1) * width), `row ${row}`);
      }
    }
    const short = [0, 1, 2, 3];
    const inOneSpan = await attend(gpu, { split: 16, keep: short, keys: SPAN });
    assert.deepEqual(inOneSpan, whole.slice(0, 4 * width));
  });
}

for (
  const { keys, features } of [1 << 16, mostKeys("cpu")].flatMap((keys) => [
    { keys },
    { keys, features: [] },
  ])
) {
  // Mesa's CPU driver ends the loops of an invocation early where they turn too often.
  const title = `${features ? "no" : "all"} features, ${keys} keys`;
  withGpu(`rows of eight long sequences see their last key (${title})`, {
    target: "cpu",
    features,
  }, async (gpu) => {
    const sequences = 8;
    const pages = keys / PAGE;
    const pool = new BufferPool(gpu);
    // All share one cache, whose last key outweighs all others.
    const last = Float32Array.from({ length: 4 * keys }, (_, i) => i < 4 * (keys - 1) ? 0 : 60);
    const out = pool.empty("out", 4 * 4 * sequences);
    const [dispatch] = await attentionKernel(gpu.launcher, {
      label: "attention",
      live: pool.upload("live", liveRows(sequences) as Uint32Array<ArrayBuffer>),
      rows: pool.upload(
        "rows",
        Uint32Array.from({ length: 4 * sequences }, (_, i) => {
          return [Math.floor(i / 4), keys - 1, 0, keys][i % 4];
        }),
      ),
      kv: {
        format: "f32",
        keys: pool.upload("keys", last),
        values: pool.upload("values", last),
        table: pool.upload("table", Uint32Array.from({ length: pages * 8 }, (_, i) => i % pages)),
        tablePages: pages,
      },
      qkv: pool.upload("qkv", new Float32Array(3 * 4 * sequences).fill(1)),
      stride: 3,
      out,
      heads: 1,
      kvHeads: 1,
      headDim: 4,
    });
    const encoder = gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    dispatch.encode(pass, sequences, keys);
    pass.end();
    gpu.device.queue.submit([encoder.finish()]);
    const found = new Float32Array(await readBuffer(gpu, out));
    assert.deepEqual([...found], new Array(4 * sequences).fill(60));
    pool.destroy();
  });
}

withGpu("splitSize() splits small passes of long contexts, on GPUs alone", {
  target: "gpu",
}, (gpu) => {
  const mini = { heads: 16, kvHeads: 4, headDim: 128, length: 32768, most: 512 };
  const { rows, bytes } = splitSize(gpu.launcher, mini);
  assert.equal(rows, 248);
  assert.ok(bytes <= gpu.device.limits.maxStorageBufferBindingSize);
  assert.equal(splitSize(gpu.launcher, { ...mini, length: SPAN }).rows, 0);
  assert.equal(splitSize(gpu.launcher, { ...mini, most: 32 }).rows, 32);
  // A longer context leaves room for fewer rows, never for more bytes.
  assert.ok(splitSize(gpu.launcher, { ...mini, length: 1 << 20 }).rows < 248);
  return Promise.resolve();
});
