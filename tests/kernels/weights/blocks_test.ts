import assert from "@std/assert";
import { BLOCK, blocksOf, decodeBlocks, encodeBlocks } from "../../../kernels/weights/blocks.ts";
import { uniform } from "../../../kernels/spec.ts";

/** Largest error of a format in steps of the block's scale. */
const STEPS = { q8: 0.5, q4: 1 }; // q4 has no +8: the value opposite to the extreme is clipped

for (const format of ["q8", "q4"] as const) {
  for (const columns of [BLOCK, 3 * BLOCK, 4, 52, 33]) {
    Deno.test(`encodeBlocks() rounds rows of ${columns} to ${format} within a step`, () => {
      const rows = 5;
      const values = uniform(rows * columns, 7, 0.05);
      const blocks = encodeBlocks(values, format, columns);
      const found = decodeBlocks(blocks, format, columns);
      const perRow = blocksOf(columns);
      assert.equal(blocks.codes.length, rows * perRow * (format === "q8" ? 32 : 16));
      for (const [i, value] of values.entries()) {
        const row = Math.floor(i / columns);
        const block = row * perRow + Math.floor(i % columns / BLOCK);
        const step = Math.abs(blocks.scales[block]);
        assert.ok(Math.abs(found[i] - value) <= STEPS[format] * step * 1.01, `${i}`);
      }
      // What was rounded once stays as it is.
      assert.deepEqual(encodeBlocks(found, format, columns), blocks);
    });
  }

  Deno.test(`encodeBlocks() rounds values near float16's smallest to ${format} within a step`, () => {
    for (let top = 1e-3; top > 1e-7; top *= 0.97) {
      for (const extreme of [top, -top]) {
        const values = uniform(BLOCK, 3, top / 2);
        values[5] = extreme;
        const blocks = encodeBlocks(values, format, BLOCK);
        const found = decodeBlocks(blocks, format, BLOCK);
        const most = STEPS[format] * Math.abs(blocks.scales[0]) * 1.01;
        for (const [i, value] of values.entries()) {
          assert.ok(Math.abs(found[i] - value) <= most, `${value} became ${found[i]}`);
        }
      }
    }
  });

  Deno.test(`encodeBlocks() keeps zeros, and what is below the smallest scale becomes zero (${format})`, () => {
    for (const value of [0, 1e-12]) {
      const found = decodeBlocks(
        encodeBlocks(new Float32Array(64).fill(value), format, 64),
        format,
        64,
      );
      assert.ok(found.every((v) => v === 0));
    }
  });
}

Deno.test("blocks have the layout of docs/formats.md", () => {
  const values = Float32Array.from({ length: 32 }, (_, i) => i - 16);
  const q4 = encodeBlocks(values.map((v) => Math.max(-8, Math.min(7, v))), "q4", 32);
  assert.deepEqual([...q4.scales], [1]);
  // Two codes to a byte, the earlier one low; code = value + 8.
  assert.deepEqual([...q4.codes], [
    0,
    0,
    0,
    0,
    16,
    50,
    84,
    118,
    152,
    186,
    220,
    254,
    255,
    255,
    255,
    255,
  ]);
  const q8 = encodeBlocks(values.map((v) => v * 127 / 16), "q8", 32);
  assert.deepEqual([...q8.scales], [1]);
  assert.deepEqual([...new Int8Array(q8.codes.buffer).slice(0, 3)], [-127, -119, -111]);
});

for (const format of ["q8", "q4"] as const) {
  Deno.test(`encodeBlocks() spreads what is not finite over its block alone (${format})`, () => {
    for (const bad of [NaN, Infinity, -Infinity, 1e30]) {
      const values = uniform(96, 3);
      values[40] = bad;
      const found = decodeBlocks(encodeBlocks(values, format, 96), format, 96);
      assert.deepEqual(found.map((v) => Number(Number.isFinite(v))).indexOf(0), 32);
      assert.equal(found.filter((v) => !Number.isFinite(v)).length, 32);
    }
  });
}
