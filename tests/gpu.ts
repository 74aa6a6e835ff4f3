/** Tests that need a device: reported as ignored, never as passed, where there is none. */
import { type Gpu, type GpuOptions, openGpu } from "../lib/gpu/device.ts";
import { Refusal } from "../lib/refusal.ts";

const available = await openGpu().then((gpu) => (gpu.destroy(), true), (error) => {
  if (error instanceof Refusal) return false;
  throw error;
});

/** Registers a test that gets a device of its own; `failing` when it leaves the device in error. */
export function withGpu(
  name: string,
  options: GpuOptions,
  body: (gpu: Gpu) => Promise<void>,
  { failing = false } = {},
): void {
  Deno.test({
    name,
    ignore: !available,
    async fn() {
      const gpu = await openGpu(options);
      try {
        await body(gpu);
        if (!failing) gpu.check();
      } finally {
        gpu.destroy();
      }
    },
  });
}
