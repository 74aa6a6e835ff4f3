import assert from "@std/assert";
import {
  attentionKernel,
  attentionSpecs,
  CPU_SPAN,
  mostKeys,
} from "../../../kernels/attention/attention.ts";
import { GPU_SPAN, splitSize } from "../../../kernels/attention/attention_tiles.ts";
import { PAGE } from "../../../kernels/attention/kv_cache.ts";
import type { Dispatch } from "../../../kernels/launch.ts";
import { type Arrays, liveRows } from "../../../kernels/spec.ts";
import { BufferPool, readBuffer } from "../../../lib/gpu/buffers.ts";
import type { Gpu } from "../../../lib/gpu/device.ts";
import { submitPass } from "../../../lib/gpu/submit.ts";
import { withGpu } from "../../gpu.ts";

const SHAPE = {
  rows: 13,
  heads: 4,
  kvHeads: 2,
  headDim: 36,
  pages: 3 * CPU_SPAN / PAGE + 1,
  split: 16,
  block: 0,
  tile: 0,
};

const [SPEC] = attentionSpecs;

interface Pass {
  /** Rows up to which spans may be split; 0 for never. */
  readonly split?: number;
  /** Rows of `inputs` that make up the pass. */
  readonly keep: readonly number[];
  /** Keys that no row sees more of. */
  readonly keys?: number;
  /** Rows that the pass is chosen for. */
  readonly usual?: number;
  readonly tiles?: readonly number[];
  readonly inputs?: Arrays;
}

/** Output of the rows `keep`, alone in their pass. */
async function attend(
  gpu: Gpu,
  { split, keep, keys, usual, tiles, inputs = SPEC.inputs(SHAPE) }: Pass,
): Promise<Float32Array> {
  const { heads, kvHeads, headDim, pages } = SHAPE;
  const stride = heads + 2 * kvHeads;
  const pick = (all: Arrays[string], width: number) =>
    keep.flatMap((row) => Array.from(all.subarray(row * width, (row + 1) * width)));
  const pool = new BufferPool(gpu);
  const upload = (name: string, data: Arrays[string]) => pool.upload(name, data);
  const out = upload("out", inputs.out);
  const dispatches = await attentionKernel(gpu.launcher, {
    label: "attention",
    live: upload("live", liveRows(keep.length)),
    rows: upload("rows", Uint32Array.from(pick(inputs.rows, 4))),
    kv: {
      format: "f32",
      keys: upload("keys", inputs.keys),
      values: upload("values", inputs.values),
      table: upload("table", inputs.table),
      tablePages: pages,
    },
    qkv: upload("qkv", Float32Array.from(pick(inputs.qkv, stride * headDim))),
    stride,
    out,
    split: split ? { rows: split, parts: upload("parts", inputs.parts) } : undefined,
    tiles,
    heads,
    kvHeads,
    headDim,
  });
  run(gpu, dispatches, { rows: keep.length, keys, usual });
  const found = new Float32Array(await readBuffer(gpu, out, { bytes: WIDTH * keep.length * 4 }));
  pool.destroy();
  return found;
}

function roomOf({ launcher: { target, device: { limits } } }: Gpu) {
  return { target, maxBinding: limits.maxStorageBufferBindingSize };
}

function run(
  gpu: Gpu,
  dispatches: readonly Dispatch[],
  { rows, keys, usual }: { rows: number; keys?: number; usual?: number },
): void {
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  for (const dispatch of dispatches) dispatch.encode(pass, rows, keys, usual);
  pass.end();
  gpu.device.queue.submit([encoder.finish()]);
}

const WIDTH = SHAPE.heads * SHAPE.headDim;
const ALL = Array.from({ length: SHAPE.rows }, (_, row) => row);
const TILES = [[32], [16], [8]];

/** One row of several. */
function rowOf(out: Float32Array, row: number): Float32Array {
  return out.slice(row * WIDTH, (row + 1) * WIDTH);
}

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
    const whole = await attend(gpu, { keep: ALL });
    assert.deepEqual(await attend(gpu, { split: 16, keep: ALL }), whole);
    // One row more than may be split, however few are usual, and keys that one span holds.
    assert.deepEqual(await attend(gpu, { split: 12, keep: ALL }), whole);
    assert.deepEqual(await attend(gpu, { split: 12, keep: ALL, usual: 4 }), whole);
    assert.deepEqual(await attend(gpu, { split: 16, keep: ALL, usual: 4 }), whole);
    for (const split of [0, 16]) {
      for (const row of [0, 4, 9, 12]) {
        assert.deepEqual(
          await attend(gpu, { split, keep: [row] }),
          rowOf(whole, row),
          `row ${row}`,
        );
      }
    }
    const short = [0, 1, 2, 3];
    const inOneSpan = await attend(gpu, { split: 16, keep: short, keys: GPU_SPAN });
    assert.deepEqual(inOneSpan, whole.slice(0, 4 * WIDTH));
  });
}

withGpu("attention of a row never depends on the tile it falls into, on GPUs", {
  target: "gpu",
}, async (gpu) => {
  // Blocks of five rows, of four that see as many keys of another sequence, and of four that see more of it.
  const blocks = [[0, 2 * GPU_SPAN + 33], [1, 2 * GPU_SPAN + 33], [1, 3 * GPU_SPAN + 5]];
  const inputs = SPEC.inputs(SHAPE);
  for (const row of ALL) {
    const [slot, keys] = blocks[Math.floor(Math.max(0, row - 1) / 4)];
    inputs.rows.set([slot, keys - 1, 0, keys], 4 * row);
  }
  const alone: Float32Array[] = [];
  for (const row of ALL) alone.push(await attend(gpu, { keep: [row], tiles: [32], inputs }));
  // As they are, and every tile a mix of all blocks.
  for (const keep of [ALL, ALL.map((row) => row * 5 % SHAPE.rows)]) {
    for (const tiles of TILES) {
      for (const split of [0, 16]) {
        const found = await attend(gpu, { split, keep, tiles, inputs });
        for (const [at, row] of keep.entries()) {
          const title = `row ${row} in tiles of ${tiles}, split ${split}`;
          assert.deepEqual(rowOf(found, at), alone[row], title);
        }
      }
    }
  }
});

withGpu("attention never mixes in what a row does not see, NaN included, on GPUs", {
  target: "gpu",
}, async (gpu) => {
  const inputs = SPEC.inputs(SHAPE);
  // All rows share one sequence; those of even number see too little of it to meet NaN.
  const seen = (row: number) => row % 2 === 0 ? 70 : 100;
  for (const row of ALL) inputs.rows.set([0, seen(row) - 1, 0, seen(row)], 4 * row);
  const clean = await attend(gpu, { keep: ALL, inputs });
  const width = SHAPE.kvHeads * SHAPE.headDim;
  for (let key = seen(0); key < SHAPE.pages * PAGE; key++) {
    const at = (inputs.table[Math.floor(key / PAGE)] * PAGE + key % PAGE) * width;
    for (const cache of [inputs.keys, inputs.values]) cache.fill(NaN, at, at + width);
  }
  for (const tiles of TILES) {
    const found = await attend(gpu, { keep: ALL, inputs, tiles });
    for (const row of ALL) {
      if (row % 2 === 0) assert.deepEqual(rowOf(found, row), rowOf(clean, row));
      else assert.ok(rowOf(found, row).every(Number.isNaN));
    }
  }
});

withGpu("attention takes every key once where spans get longer, on GPUs", {
  target: "gpu",
}, async (gpu) => {
  const pool = new BufferPool(gpu);
  const longest = 64 * GPU_SPAN;
  const counts = [longest + 3 * PAGE, longest];
  const pages = counts[0] / PAGE;
  const size = { heads: 1, kvHeads: 1, headDim: 4 };
  const { rows, bytes } = splitSize(roomOf(gpu), { ...size, length: counts[0], most: 2 });
  assert.equal(rows, 2);
  const out = pool.empty("out", 4 * 4 * rows);
  const found: number[][] = [];
  for (const split of [undefined, { rows, parts: pool.empty("parts", bytes) }]) {
    const dispatches = await attentionKernel(gpu.launcher, {
      label: "attention",
      live: pool.upload("live", liveRows(rows)),
      rows: pool.upload("rows", Uint32Array.from(counts.flatMap((keys) => [0, 0, 0, keys]))),
      kv: {
        format: "f32",
        // All keys weigh the same, and all values are 0 but each second one.
        keys: pool.empty("keys", 4 * 4 * counts[0]),
        values: pool.upload(
          "values",
          Float32Array.from({ length: 4 * counts[0] }, (_, i) => (i >> 2) % 2),
        ),
        table: pool.upload("table", Uint32Array.from({ length: pages }, (_, i) => i)),
        tablePages: pages,
      },
      qkv: pool.upload("qkv", new Float32Array(rows * 3 * 4).fill(1)),
      stride: 3,
      out,
      split,
      ...size,
    });
    run(gpu, dispatches, { rows, keys: counts[0] });
    found.push([...new Float32Array(await readBuffer(gpu, out))]);
  }
  assert.deepEqual(found, [new Array(8).fill(0.5), new Array(8).fill(0.5)]);
  pool.destroy();
});

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
      live: pool.upload("live", liveRows(sequences)),
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
    submitPass(gpu, [dispatch], sequences, keys);
    const found = new Float32Array(await readBuffer(gpu, out));
    assert.deepEqual([...found], new Array(4 * sequences).fill(60));
    pool.destroy();
  });
}

withGpu("splitSize() splits small passes of long contexts, on GPUs alone", {
  target: "gpu",
}, (gpu) => {
  const mini = { heads: 16, kvHeads: 4, headDim: 128, length: 32768, most: 512 };
  const { rows, bytes } = splitSize(roomOf(gpu), mini);
  const binding = gpu.device.limits.maxStorageBufferBindingSize;
  assert.equal(rows, binding < 256 << 20 ? 248 : 496);
  assert.ok(bytes <= binding);
  assert.equal(splitSize(roomOf(gpu), { ...mini, length: 2 * GPU_SPAN }).rows, 0);
  assert.equal(splitSize(roomOf(gpu), { ...mini, most: 32 }).rows, 32);
  // A longer context has longer spans, not more; a shorter one has fewer.
  assert.deepEqual(splitSize(roomOf(gpu), { ...mini, length: 1 << 20 }), { rows, bytes });
  assert.ok(splitSize(roomOf(gpu), { ...mini, length: 2048 }).rows > rows);
  return Promise.resolve();
});
