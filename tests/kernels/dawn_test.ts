import assert from "@std/assert";
import { matricesKernel } from "../../bench/subgroup_matrix.ts";
import { sampleKernel, type SlotBuffers } from "../../kernels/decode/decode.ts";
import { Launcher } from "../../kernels/launch.ts";
import { openGpu } from "../../lib/gpu/device.ts";
import { engineGpu } from "../../lib/gpu/engines.ts";
import { withEngine } from "../fixtures.ts";
import { prepareAll } from "./prepare.ts";

// Dawn's compiler refuses what Deno's lets pass: barriers and shuffles that not all lanes come to, operators
// mixed without parentheses. Its null device compiles and runs nothing.
const dawn = await engineGpu("dawn", { flags: ["backend=null"] }).catch(() => undefined);
const NEEDS_DAWN = { ignore: !dawn };

Deno.test({
  name: "Dawn, where npm has it, compiles the trial of subgroup matrices",
  ...NEEDS_DAWN,
  async fn() {
    const flags = ["backend=null", "enable-dawn-features=allow_unsafe_apis"];
    const features = ["shader-f16", "subgroups", "chromium-experimental-subgroup-matrix"];
    const unsafe = await engineGpu("dawn", { flags });
    const gpu = await openGpu({ gpu: unsafe, features, target: "gpu", selfChecks: [] });
    const buffer = gpu.device.createBuffer({ size: 1 << 16, usage: GPUBufferUsage.STORAGE });
    for (const format of ["f16", "q4"] as const) {
      await matricesKernel(gpu, {
        format,
        shape: [128, 32, 128],
        sizes: { M: 16, N: 16, K: 16 },
        x: buffer,
        y: buffer,
        buffer,
        scales: format === "q4" ? buffer : undefined,
      });
    }
    gpu.destroy();
  },
});

for (const target of ["cpu", "gpu"] as const) {
  for (const subgroupSize of [0, 32]) {
    Deno.test({
      name:
        `Dawn, where npm has it, compiles every kernel (${target} shape, subgroups of ${subgroupSize})`,
      ...NEEDS_DAWN,
      async fn() {
        const { device, features, destroy } = await openGpu({ gpu: dawn, target, selfChecks: [] });
        const launcher = new Launcher(device, target, features);
        for (const name of ["subgroupSize", "leastSubgroup"]) {
          Object.defineProperty(launcher, name, { value: subgroupSize });
        }
        await prepareAll(launcher);
        launcher.destroy();
        destroy();
      },
    });
  }

  Deno.test({
    name: `Dawn, where npm has it, compiles the loop around them (${target} shape)`,
    ...NEEDS_DAWN,
    async fn() {
      const gpu = await openGpu({ gpu: dawn, target, selfChecks: [] });
      await withEngine(gpu, { engine: { slots: 2 } }, async ({ internals }) => {
        assert.ok(internals.forward.length > 0);
        const buffer = gpu.device.createBuffer({ size: 1 << 20, usage: GPUBufferUsage.STORAGE });
        const names = ["live", "rows", "state", "canvas", "drawn", "notes"];
        const buffers = Object.fromEntries(names.map((name) => [name, buffer]));
        const slots = { ...buffers, slots: 2, canvasLength: 64 } as unknown as SlotBuffers;
        await sampleKernel(gpu.launcher, slots, { logits: buffer, vocab: 256, mask: 1 });
      });
      gpu.destroy();
    },
  });
}
