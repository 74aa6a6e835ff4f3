import assert from "@std/assert";
import {
  expertGradSpecs,
  matmulGradSpecs,
  matmulInputGradKernel,
  matmulWeightGradKernel,
} from "../../../kernels/matmul/matmul_grad.ts";
import type { KernelSpec } from "../../../kernels/spec.ts";
import { BufferPool, readBuffer } from "../../../lib/gpu/buffers.ts";
import { type Gpu, openGpu } from "../../../lib/gpu/device.ts";
import { submitPass } from "../../../lib/gpu/submit.ts";
import { withGpu } from "../../gpu.ts";

interface Shape extends Record<string, number> {
  readonly rows: number;
  readonly k: number;
  readonly n: number;
}

const DENSE: Shape = { rows: 37, k: 72, n: 48 };
const EXPERTS: Shape = { rows: 21, k: 40, n: 24, experts: 11, choices: 3, tile: 4 };

interface Case {
  readonly name: string;
  readonly spec: KernelSpec;
  readonly shape: Shape;
  readonly side?: "up" | "down";
}

const CASES: readonly Case[] = [
  ...matmulGradSpecs.map((spec) => ({ spec, shape: DENSE })),
  ...expertGradSpecs.map((spec, index) => ({
    spec,
    shape: EXPERTS,
    side: index < 2 ? "up" as const : "down" as const,
  })),
].map((rest) => ({ ...rest, name: rest.spec.name, spec: rest.spec as unknown as KernelSpec }));

/** dx or dw as bits, with the weight in chunks of at most `most` rows or experts. */
async function gradient(
  gpu: Gpu,
  { spec, shape, side }: Case,
  most = Infinity,
): Promise<Uint32Array> {
  const { rows, k, n, experts = 1, choices = 1, tile = 4 } = shape;
  const pool = new BufferPool(gpu);
  const inputs = spec.inputs(shape);
  const upload = (name: string, data = inputs[name]) => pool.upload(name, data);
  const [live, dy, order, tiles, segments, routing] = [
    "live",
    "dy",
    "order",
    "tiles",
    "segments",
    "routing",
  ].map((name) => upload(name));
  const groups = side && { order, tiles, segments, routing, choices, tileRows: tile, side };
  const parts = experts > 1 ? experts : n;
  const size = experts > 1 ? n * k : k;
  const weight = (values: Float32Array) => ({
    format: "f32" as const,
    experts,
    rows: n,
    columns: k,
    chunks: Array.from({ length: Math.ceil(parts / Math.min(most, parts)) }, (_, i) => {
      const start = i && i * most;
      const count = Math.min(most, parts - start);
      const part = values.slice(start * size, (start + count) * size);
      return { buffer: upload("weight", part), start, count };
    }),
  });
  const shared = { label: "gradient", live, dy, groups };
  let outputs: GPUBuffer[];
  let dispatches;
  if (inputs.dx) {
    outputs = [upload("dx")];
    const options = { ...shared, w: weight(inputs.w as Float32Array), dx: outputs[0] };
    dispatches = await matmulInputGradKernel(gpu.launcher, options);
  } else {
    const dw = weight(inputs.dw as Float32Array);
    outputs = dw.chunks.map(({ buffer }) => buffer);
    const options = { ...shared, x: upload("x"), dw, rows };
    dispatches = await matmulWeightGradKernel(gpu.launcher, options);
  }
  submitPass(gpu, dispatches, rows);
  const bits: number[] = [];
  for (const output of outputs) bits.push(...new Uint32Array(await readBuffer(gpu, output)));
  pool.destroy();
  return Uint32Array.from(bits.slice(0, (inputs.dx ?? inputs.dw).length));
}

withGpu("matmul gradients have the same bits in every loop", {}, async (first) => {
  const wanted = new Map<Case, Uint32Array>();
  for (const test of CASES) wanted.set(test, await gradient(first, test));
  for (const target of ["cpu", "gpu"] as const) {
    for (const features of [undefined, ["subgroups"], []]) {
      const gpu = await openGpu({ target, features, selfChecks: [] });
      try {
        for (const test of CASES) {
          const where = `${test.name}, ${target}, ${features ?? "all features"}`;
          assert.deepEqual(await gradient(gpu, test), wanted.get(test), where);
        }
      } finally {
        gpu.destroy();
      }
    }
  }
});

/** Chunks that do and do not suit loads of eight. */
const CHUNKS = [16, 7];

for (const target of ["cpu", "gpu"] as const) {
  withGpu(`matmul gradients take weights in chunks (${target} shape)`, { target }, async (gpu) => {
    for (const test of CASES) {
      const whole = await gradient(gpu, test);
      for (const most of CHUNKS) {
        const found = await gradient(gpu, test, most);
        const where = `${test.name} by ${most}`;
        if (test.name !== "matmul input gradient") assert.deepEqual(found, whole, where);
        else {
          // A sum over n in parts: other roundings.
          const wanted = new Float32Array(whole.buffer);
          for (const [i, value] of new Float32Array(found.buffer).entries()) {
            assert.ok(Math.abs(value - wanted[i]) < 1e-5, `${where}: ${value} for ${wanted[i]}`);
          }
        }
      }
    }
  });

  withGpu(`experts without rows keep their gradient (${target} shape)`, { target }, async (gpu) => {
    for (const test of CASES.filter(({ name }) => /^experts.*weight/.test(name))) {
      const { segments, dw } = test.spec.inputs(test.shape);
      const size = test.shape.n * test.shape.k;
      const found = await gradient(gpu, test);
      const held = new Uint32Array(dw.buffer);
      let empty = 0;
      for (let expert = 0; expert < test.shape.experts; expert++) {
        const part = [expert * size, (expert + 1) * size];
        const same = found.subarray(...part).every((word, i) => word === held[part[0] + i]);
        assert.equal(same, segments[2 * expert + 1] === 0, `${test.name}, expert ${expert}`);
        if (same) empty++;
      }
      assert.ok(empty > 0, "an expert has no rows");
    }
  });
}
