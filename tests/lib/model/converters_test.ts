import assert from "@std/assert";
import { uniform } from "../../../kernels/spec.ts";
import {
  type Conversion,
  convertRows,
  decodeRows,
  encodeRows,
  type SourceFormat,
  WEIGHT_FORMATS,
} from "../../../kernels/weights/weight.ts";
import { Converters } from "../../../lib/model/converters.ts";

const SOURCES: SourceFormat[] = [...WEIGHT_FORMATS, "bf16"];

/** Rows in a format; those in bfloat16 are the upper halves of float32. */
function rowsIn(format: SourceFormat, values: Float32Array, columns: number) {
  if (format !== "bf16") return encodeRows(values, format, columns);
  const halves = Uint16Array.from(new Uint32Array(values.buffer), (bits) => bits >>> 16);
  return { values: new Uint8Array(halves.buffer) };
}

/** Each format to each. */
function* conversions(): Generator<Conversion> {
  for (const [rows, columns] of [[70, 2048], [5, 33], [1, 4]]) {
    const values = uniform(rows * columns, 3, 0.05);
    for (const from of SOURCES) {
      for (const to of WEIGHT_FORMATS) {
        yield { rows: rowsIn(from, values, columns), from, to, columns };
      }
    }
  }
}

Deno.test("bfloat16 is read exactly", () => {
  const bits = Uint16Array.of(0x3f80, 0xbfc0, 0x0001, 0x8000, 0x7f80);
  const found = decodeRows({ values: new Uint8Array(bits.buffer) }, "bf16", 5);
  assert.deepEqual([...found], [1, -1.5, 2 ** -133, -0, Infinity]);
});

Deno.test("Converters: other threads give the same bits", async () => {
  using converters = new Converters({ fewBytes: 0, threads: 2 });
  const all = [...conversions()];
  const wanted = all.map(convertRows);
  const found = await Promise.all(all.map(converters.convert));
  assert.equal(converters.atOnce, 2);
  for (const [i, { from, to }] of all.entries()) {
    assert.deepEqual(found[i], wanted[i], `${from} to ${to}`);
  }
});

Deno.test("Converters start threads once there is much to do", async () => {
  const conversion = { ...conversions().next().value!, to: "q4" } as const;
  using converters = new Converters({ fewBytes: conversion.rows.values.length, threads: 3 });
  await converters.convert(conversion);
  assert.equal(converters.atOnce, 1);
  await converters.convert(conversion);
  assert.equal(converters.atOnce, 3);
});

Deno.test("Converters: what fails on a thread fails here", async () => {
  using converters = new Converters({ fewBytes: 0, threads: 1 });
  const good = { ...conversions().next().value!, to: "q4" } as const;
  const values = { length: 1, byteLength: 1, byteOffset: 1, buffer: new ArrayBuffer(8) }; // no place of a float
  const bad = { ...good, rows: { values } } as unknown as Conversion;
  const wanted = convertRows(good);
  const [failed, converted] = [bad, good].map(converters.convert);
  await assert.rejects(failed, /Cannot convert weights: .*multiple of 4/);
  assert.deepEqual(await converted, wanted);
});
