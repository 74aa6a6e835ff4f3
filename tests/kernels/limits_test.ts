import assert from "@std/assert";
import { Launcher } from "../../kernels/launch.ts";
import { KERNEL_SPECS } from "../../kernels/mod.ts";
import { gpuFormsAreRight } from "../../lib/gpu/self_check.ts";
import { withGpu } from "../gpu.ts";
import { prepareAll } from "./prepare.ts";

// Workgroup memory is not checked by Deno's own WebGPU.
withGpu("GPU kernels take no more lanes and bindings than every device has", {}, async () => {
  const adapter = await navigator.gpu.requestAdapter();
  const device = await adapter!.requestDevice();
  const launcher = new Launcher(device, "gpu", []);
  await prepareAll(launcher);
  launcher.destroy();
  device.destroy();
});

withGpu("attention whose tiles have no room computes its reference all the same", {}, async () => {
  const adapter = await navigator.gpu.requestAdapter();
  const device = await adapter!.requestDevice(); // 16 KiB of workgroup memory
  const spec = KERNEL_SPECS.find(({ name }) => name === "attention f32")!;
  const wide = spec.shapes.filter(({ headDim }) => headDim >= 128);
  assert.ok(wide.length > 0);
  const checked = { features: [], specs: [{ ...spec, shapes: wide }] };
  assert.ok(await gpuFormsAreRight(device, checked));
  device.destroy();
});

Deno.test("kernels keep no bool in workgroup memory", async () => {
  // Lanes that wrote neighbouring ones lost each other's on an H100 (docs/performance-log.md).
  let seen = 0;
  for await (const path of wgslFiles(new URL("../../kernels", import.meta.url).pathname)) {
    const found = (await Deno.readTextFile(path)).match(/var<workgroup>[^;]*\bbool\b[^;]*/);
    assert.equal(found, null, `${path}: ${found?.[0]}`);
    seen++;
  }
  assert.ok(seen > 50);
});

async function* wgslFiles(dir: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(dir)) {
    if (isDirectory) yield* wgslFiles(`${dir}/${name}`);
    else if (name.endsWith(".wgsl")) yield `${dir}/${name}`;
  }
}
