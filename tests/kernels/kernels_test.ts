import { KERNEL_SPECS } from "../../kernels/mod.ts";
import { withGpu } from "../gpu.ts";
import { checkSpec } from "./check_spec.ts";

/** Each target's shapes of the kernels, with the device's optional features and without. */
const CONFIGURATIONS = [
  { name: "cpu shape", options: { target: "cpu" } },
  { name: "cpu shape, no features", options: { target: "cpu", features: [] } },
  { name: "gpu shape", options: { target: "gpu" } },
  { name: "gpu shape, no features", options: { target: "gpu", features: [] } },
] as const;

for (const { name, options } of CONFIGURATIONS) {
  for (const spec of KERNEL_SPECS) {
    withGpu(
      `${spec.name} (${name}) equals its float64 reference`,
      options,
      async (gpu) => {
        // All shapes at once: Deno asks a device only every 10 ms whether it is done.
        await Promise.all(spec.shapes.map((shape) => checkSpec(gpu, spec, shape)));
      },
    );
  }
}
