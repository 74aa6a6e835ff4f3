import assert from "@std/assert";
import { exampleGroups, matmulKernel } from "../../../kernels/matmul/matmul.ts";
import type { Groups } from "../../../kernels/matmul/matmul_rows.ts";
import { liveRows, uniform } from "../../../kernels/spec.ts";
import { type Weight, wholeWeight } from "../../../kernels/weights/weight.ts";
import { BufferPool, readBuffer } from "../../../lib/gpu/buffers.ts";
import type { Gpu } from "../../../lib/gpu/device.ts";
import { submitPass } from "../../../lib/gpu/submit.ts";
import { withGpu } from "../../gpu.ts";

const [K, F] = [72, 20];

/** Rows, experts, choices of a row: one assignment, odd numbers, more than a workgroup's lanes look at in a turn. */
const SHAPES = [[1, 1, 1], [5, 3, 2], [33, 170, 3], [64, 257, 9], [75, 7, 9]];

/** Experts that are bound together: all, or some. */
const PARTS = [1000, 100];

const NOT_WRITTEN = 77;

/** Float32 matrices of experts, `part` of them to a buffer. */
function stack(pool: BufferPool, experts: number, part: number, side: Groups["side"]): Weight {
  const [rows, columns] = side === "up" ? [2 * F, K] : [K, F];
  const values = uniform(experts * rows * columns, 6);
  const size = rows * columns;
  const starts = Array.from({ length: Math.ceil(experts / part) }, (_, i) => i * part);
  const chunks = starts.map((start) => {
    const count = Math.min(part, experts - start);
    const data = values.slice(start * size, (start + count) * size) as Float32Array<ArrayBuffer>;
    return { buffer: pool.upload("w", data), start, count };
  });
  return { ...wholeWeight(chunks[0].buffer, { format: "f32", rows, columns, experts }), chunks };
}

/** Bits of both matmuls' outputs, and the pairs between them. */
async function run(
  gpu: Gpu,
  [rows, experts, choices]: number[],
  { part, tileRows, unlisted }: { part: number; tileRows: number; unlisted: boolean },
) {
  const pool = new BufferPool(gpu);
  const upload = (data: Float32Array | Uint32Array) =>
    pool.upload("data", data as Uint32Array<ArrayBuffer>);
  const assignments = rows * choices;
  const example = exampleGroups(assignments, experts, tileRows);
  const chosen = upload(example.chosen);
  const found = upload(new Uint32Array(4 * 2 * assignments).fill(NOT_WRITTEN));
  const groups = {
    order: upload(unlisted ? new Uint32Array(assignments) : example.order),
    tiles: upload(unlisted ? new Uint32Array(4) : example.tiles),
    routing: upload(uniform(assignments, 4)),
    pairs: unlisted ? { chosen, found } : undefined,
    choices,
    tileRows,
  };
  const live = upload(liveRows(rows));
  const inner = pool.empty("inner", 4 * assignments * F);
  const y = pool.empty("y", 4 * assignments * K);
  const dispatches = await Promise.all(
    (["up", "down"] as const).map((side) =>
      matmulKernel(gpu.launcher, {
        label: side,
        live,
        x: side === "up" ? upload(uniform(rows * K, 5)) : inner,
        y: side === "up" ? inner : y,
        pair: side === "up",
        w: stack(pool, experts, part, side),
        groups: { ...groups, side },
      })
    ),
  );
  submitPass(gpu, dispatches.flat(), 2 * rows); // a pass may have room for more rows than there are
  const bits = await Promise.all(
    [inner, y, found].map(async (buffer) => new Uint32Array(await readBuffer(gpu, buffer))),
  );
  pool.destroy();
  const none = new Uint32Array(4 * assignments).fill(NOT_WRITTEN);
  return { inner: bits[0], y: bits[1], found: bits[2], wanted: [...example.pairs, ...none] };
}

withGpu(
  "pairs of rows are found in the choices, with lists' bits",
  { target: "gpu" },
  async (gpu) => {
    for (const shape of SHAPES) {
      const lists = await run(gpu, shape, { part: 1000, tileRows: 8, unlisted: false });
      for (const part of PARTS) {
        const pairs = await run(gpu, shape, { part, tileRows: 2, unlisted: true });
        const where = `${shape}, ${part} experts bound`;
        assert.deepEqual([...pairs.found.subarray(0, pairs.wanted.length)], pairs.wanted, where);
        assert.deepEqual(pairs.inner, lists.inner, where);
        assert.deepEqual(pairs.y, lists.y, where);
      }
    }
  },
);
