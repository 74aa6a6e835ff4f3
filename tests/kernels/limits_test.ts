import { Launcher } from "../../kernels/launch.ts";
import { KERNEL_SPECS } from "../../kernels/mod.ts";
import { withGpu } from "../gpu.ts";

// Workgroup memory is not checked by Deno's own WebGPU.
withGpu("GPU kernels take no more lanes and bindings than every device has", {}, async () => {
  const adapter = await navigator.gpu.requestAdapter();
  const device = await adapter!.requestDevice();
  const launcher = new Launcher(device, "gpu", []);
  const buffer = device.createBuffer({ size: 1 << 20, usage: GPUBufferUsage.STORAGE });
  for (const spec of KERNEL_SPECS) {
    const names = Object.keys(spec.inputs(spec.shapes[0]));
    const buffers = Object.fromEntries(names.map((name) => [name, buffer]));
    for (const shape of [...spec.shapes, ...spec.benchShapes]) {
      await spec.prepare(launcher, shape, buffers);
    }
  }
  launcher.destroy();
  device.destroy();
});
