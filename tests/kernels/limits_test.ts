import assert from "@std/assert";
import { type Dispatch, type KernelCall, Launcher, type WgslFile } from "../../kernels/launch.ts";
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

/** Notes the files of kernels instead of compiling them. */
class FileLauncher extends Launcher {
  readonly files = new Map<string, WgslFile>();

  override prepare({ label, files }: KernelCall): Promise<Dispatch> {
    for (const file of files) this.files.set(file.name, file);
    return Promise.resolve({ label, encode() {} });
  }
}

Deno.test("messages name the files of kernels by their paths", async () => {
  const device = {
    adapterInfo: { subgroupMinSize: 8, subgroupMaxSize: 8 },
    limits: { maxComputeWorkgroupStorageSize: 1 << 16 },
    createBuffer: ({ size }: GPUBufferDescriptor) => ({ size }),
  } as unknown as GPUDevice;
  const seen = new Set<string>();
  for (const target of ["cpu", "gpu"] as const) {
    for (const features of [[], ["subgroups", "wgpu-shader-int64"]]) {
      const launcher = new FileLauncher(device, target, features);
      await prepareAll(launcher);
      for (const { name, text } of launcher.files.values()) {
        const path = new URL(`../../${name}`, import.meta.url);
        assert.equal(await Deno.readTextFile(path).catch(() => "no such file"), text, name);
        seen.add(name);
      }
    }
  }
  assert.ok(seen.size > 80, `${seen.size}`);
});

async function* wgslFiles(dir: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(dir)) {
    if (isDirectory) yield* wgslFiles(`${dir}/${name}`);
    else if (name.endsWith(".wgsl")) yield `${dir}/${name}`;
  }
}
