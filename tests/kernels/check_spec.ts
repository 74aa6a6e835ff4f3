/** A kernel beside its float64 reference. */
import assert from "@std/assert";
import type { KernelSpec } from "../../kernels/spec.ts";
import { BufferPool, readBuffer } from "../../lib/gpu/buffers.ts";
import type { Gpu } from "../../lib/gpu/device.ts";
import { submitPass } from "../../lib/gpu/submit.ts";

/** Runs a kernel at one shape, and compares what it writes. */
export async function checkSpec(
  gpu: Gpu,
  spec: KernelSpec,
  shape: Record<string, number>,
): Promise<void> {
  const pool = new BufferPool(gpu);
  const inputs = spec.inputs(shape);
  const buffers = Object.fromEntries(
    Object.entries(inputs).map((
      [name, data],
    ) => [name, pool.upload(name, data)]),
  );
  const dispatches = await spec.prepare(gpu.launcher, shape, buffers);
  submitPass(gpu, dispatches, spec.rows(shape));
  const wanted = Object.entries(spec.reference(shape, inputs));
  const read = await Promise.all(wanted.map(([name]) => readBuffer(gpu, buffers[name])));
  for (const [i, [name, values]] of wanted.entries()) {
    const found = inputs[name] instanceof Uint32Array
      ? new Uint32Array(read[i])
      : new Float32Array(read[i]);
    assertClose(found, values, {
      tolerance: spec.tolerance,
      at: `${JSON.stringify(shape)} ${name}`,
    });
  }
  pool.destroy();
}

/** Differences count against the largest wanted value: sums cancel. */
function assertClose(
  found: ArrayLike<number>,
  wanted: ArrayLike<number>,
  { tolerance, at }: { tolerance: number; at: string },
): void {
  let scale = 0;
  for (let i = 0; i < wanted.length; i++) scale = Math.max(scale, Math.abs(wanted[i]));
  for (let i = 0; i < wanted.length; i++) {
    const error = Math.abs(found[i] - wanted[i]);
    assert.ok(
      error <= tolerance * scale,
      `${at}[${i}]: found ${found[i]}, wanted ${wanted[i]} within ${tolerance * scale}`,
    );
  }
}
