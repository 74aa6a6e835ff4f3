/** Kernels compiled without being run. */
import type { Launcher } from "../../kernels/launch.ts";
import { KERNEL_SPECS } from "../../kernels/mod.ts";

/** Prepares every kernel at all shapes of its spec, over one buffer for everything; throws at the first refusal. */
export async function prepareAll(launcher: Launcher): Promise<void> {
  const usage = GPUBufferUsage.STORAGE;
  const buffer = launcher.device.createBuffer({ size: 1 << 20, usage });
  for (const spec of KERNEL_SPECS) {
    const names = Object.keys(spec.inputs(spec.shapes[0]));
    const buffers = Object.fromEntries(names.map((name) => [name, buffer]));
    for (const shape of [...spec.shapes, ...spec.benchShapes]) {
      // Larger tiles of experts are a CPU driver's; a GPU's would not fit into 16 KiB of workgroup memory.
      if (launcher.target === "gpu" && shape.tile > 8) continue;
      await spec.prepare(launcher, shape, buffers);
    }
  }
}
