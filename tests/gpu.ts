/** Tests that need a device: reported as ignored, never as passed, where there is none. */
import { type Gpu, type GpuOptions, openGpu } from "../lib/gpu/device.ts";
import { Refusal } from "../lib/refusal.ts";

const available = await openGpu({ selfChecks: [] }).then(
  (gpu) => (gpu.destroy(), true),
  (error) => {
    if (error instanceof Refusal) return false;
    throw error;
  },
);

/** Options of a test that runs the tool, which opens a device of its own. */
export const NEEDS_GPU = { ignore: !available };

/** Registers a test that gets a device of its own; `failing` when it leaves the device in error. */
export function withGpu(
  name: string,
  options: GpuOptions,
  body: (gpu: Gpu) => Promise<void>,
  { failing = false } = {},
): void {
  Deno.test({
    name,
    ...NEEDS_GPU,
    async fn() {
      // Kernels are tested in all their forms: no need to check them at each start.
      const gpu = await openGpu({ selfChecks: [], ...options });
      try {
        await body(gpu);
        if (!failing) gpu.check();
      } finally {
        gpu.destroy();
      }
    },
  });
}
