import assert from "@std/assert";
import { KERNEL_SPECS } from "../../../kernels/mod.ts";
import { MAX_GROUPS } from "../../../kernels/launch.ts";
import {
  BufferPool,
  readBuffer,
  stagingBuffer,
  takeMapped,
  writeBuffer,
} from "../../../lib/gpu/buffers.ts";
import { DeviceLost, openGpu } from "../../../lib/gpu/device.ts";
import { nativeBackend } from "../../../lib/gpu/engines.ts";
import { withGpu } from "../../gpu.ts";
import { refuses } from "../../mutate.ts";

/** Runs a script that imports from this checkout, with its own environment. */
async function script(body: string, env: Record<string, string>) {
  const root = new URL("../../../", import.meta.url).href;
  const code = body.replaceAll("@/", root);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--quiet", "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    env,
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(code));
  await writer.close();
  const { code: exit, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { exit, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("G1: without an adapter, what was looked for and where to ask", async () => {
  const { stdout, stderr } = await script(
    `import { openGpu } from "@/lib/gpu/device.ts";
     await openGpu().catch((error) => console.log(error.name, error.message));`,
    { VK_DRIVER_FILES: "/nonexistent" },
  );
  assert.match(
    stdout,
    /^Refusal Cannot find a GPU: no adapter of backend "vulkan" answered among the drivers "\/nonexistent", expected .*"unmask doctor"\)\n$/,
    stderr,
  );
});

Deno.test("G1: without a setting, the API that the system has is looked for", () => {
  const found = (["linux", "windows", "darwin"] as const).map(nativeBackend);
  assert.deepEqual(found, ["vulkan", "vulkan", "metal"]);
});

withGpu("G2: another adapter than asked for refuses, naming both", {}, async (gpu) => {
  await refuses(() => openGpu({ adapter: "no such card" }), /"no such card": found ".+", expected/);
  assert.ok(gpu.adapter.length > 0);
  assert.equal(gpu.backend, "vulkan");
  const same = await openGpu({ adapter: gpu.adapter.slice(0, 6).toUpperCase() });
  same.destroy();
});

withGpu("G3: an invalid shader names file and line", {}, async (gpu) => {
  const text = "struct Params { n: u32 }\n@group(0) @binding(0) var<uniform> p: Params;\n" +
    "@compute @workgroup_size(1)\nfn main() { let x = nonsense; }\n";
  const call = {
    label: "test",
    files: [{ name: "kernels/one.wgsl", text: "// nothing\n" }, { name: "kernels/bad.wgsl", text }],
    params: { n: 1 },
    bindings: [],
    groups: () => [1] as const,
  };
  await assert.rejects(
    gpu.launcher.prepare(call),
    /^SyntaxError: Cannot compile kernels\/bad\.wgsl:4: /,
  );
});

withGpu("G3: a wrong binding names kernel and label", {}, async (gpu) => {
  const text = "struct Params { n: u32 }\n@group(0) @binding(0) var<uniform> p: Params;\n" +
    "@group(0) @binding(1) var<storage, read_write> y: array<u32>;\n" +
    "@compute @workgroup_size(1)\nfn main() { y[0] = p.n; }\n";
  const pool = new BufferPool(gpu);
  const call = {
    label: "layers.0.test",
    files: [{ name: "kernels/fine.wgsl", text }],
    params: { n: 1 },
    groups: () => [1] as const,
  };
  for (const bindings of [[], [pool.empty("a", 16), pool.empty("b", 16)]]) {
    await assert.rejects(
      gpu.launcher.prepare({ ...call, bindings }),
      /^TypeError: Cannot bind kernels\/fine\.wgsl for "layers\.0\.test": /,
    );
  }
  pool.destroy();
});

withGpu(
  "G3 G5: a buffer above the limits refuses with its label and both sizes",
  {},
  async (gpu) => {
    const pool = new BufferPool(gpu);
    const { maxStorageBufferBindingSize } = gpu.device.limits;
    const pattern = new RegExp(
      `"layers.0.keys": it needs \\d+ bytes, expected at most ${maxStorageBufferBindingSize}`,
    );
    await refuses(() => pool.empty("layers.0.keys", maxStorageBufferBindingSize + 16), pattern);
    assert.equal(gpu.memory.buffers, 0);
  },
);

withGpu(
  "G3: an error that nobody waits for is fatal at the next read, and stays",
  {},
  async (gpu) => {
    const pool = new BufferPool(gpu);
    const buffer = pool.empty("narrow", 16);
    gpu.device.queue.writeBuffer(buffer, 0, new Uint8Array(64));
    await assert.rejects(
      readBuffer(gpu, buffer),
      /Cannot map buffer "narrow read-back": GPU error: /,
    );
    assert.throws(() => gpu.check(), /GPU error: .*64 bytes/);
    assert.throws(
      () => writeBuffer(gpu, buffer, { data: new Uint8Array(17) }),
      /"narrow": bytes 0 to 20/,
    );
    pool.destroy();
  },
  { failing: true },
);

withGpu("G5: what exceeds the machine's memory refuses with needed, available and what helps", {
  memory: 1 << 20,
}, async (gpu) => {
  const pool = new BufferPool(gpu);
  pool.empty("fits", 800_000);
  await refuses(
    () => pool.empty("layers.1.values", 400_000),
    /Cannot place buffer "layers.1.values" on the device: it needs 0.4 MiB, expected at most the 0.2 MiB available \(try a smaller model or --batch 1\)$/,
  );
  pool.destroy();
  pool.empty("fits again", 800_000);
  pool.destroy();
});

withGpu("G5: out of memory on the device refuses with the label and sizes", {}, async (gpu) => {
  // No driver here runs out on demand: its answer is put in.
  const { device } = gpu;
  device.popErrorScope = () => {
    delete (device as { popErrorScope?: unknown }).popErrorScope;
    return Promise.resolve({ message: "Not enough memory left." } as GPUError);
  };
  const pool = new BufferPool(gpu);
  const buffer = pool.empty("layers.0.experts.up", 1 << 20);
  await refuses(
    () => readBuffer(gpu, buffer),
    /"layers.0.experts.up": the device is out of memory, it needs 1.0 MiB beside the .* in use/,
  );
  pool.destroy();
}, { failing: true });

withGpu("G6: work on a lost device ends in DeviceLost", {}, async (gpu) => {
  const pool = new BufferPool(gpu);
  const buffer = pool.empty("x", 16);
  gpu.device.destroy();
  await assert.rejects(readBuffer(gpu, buffer), DeviceLost);
  await refuses(() => gpu.check(), /^Cannot go on: the GPU device ".+" was lost/);
  pool.destroy();
}, { failing: true });

withGpu("G8: mapping a mapped or destroyed buffer names it", {}, async (gpu) => {
  const mapped = stagingBuffer(gpu, "decode read-back", 16);
  await mapped.mapAsync(GPUMapMode.READ);
  await assert.rejects(takeMapped(gpu, mapped), /decode read-back/);
  assert.equal(gpu.memory.buffers, 0);
}, { failing: true });

withGpu("G8: mapping a destroyed buffer names it", {}, async (gpu) => {
  const destroyed = stagingBuffer(gpu, "kv read-back", 16);
  destroyed.destroy();
  await assert.rejects(takeMapped(gpu, destroyed), /kv read-back/);
}, { failing: true });

withGpu("G9: a dispatch above 65,535 workgroups a side is never sent", {}, async (gpu) => {
  const pool = new BufferPool(gpu);
  const [spec] = KERNEL_SPECS;
  const shape = spec.shapes[0];
  const buffers = Object.fromEntries(
    Object.entries(spec.inputs(shape)).map(([name, data]) => [
      name,
      pool.upload(name, data),
    ]),
  );
  const [dispatch] = await spec.prepare(gpu.launcher, shape, buffers);
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  assert.throws(() => dispatch.encode(pass, 2 ** 24), RangeError);
  assert.equal(MAX_GROUPS, gpu.device.limits.maxComputeWorkgroupsPerDimension);
  pass.end();
  pool.destroy();
});

withGpu("G15: command buffers made and dropped do no harm", {}, async (gpu) => {
  const pool = new BufferPool(gpu);
  const buffer = pool.upload("kept", Uint32Array.of(1, 2, 3, 4));
  const other = pool.empty("other", 16);
  for (let i = 0; i < 2000; i++) {
    const encoder = gpu.device.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, 0, other, 0, 8);
    encoder.finish();
  }
  assert.deepEqual(new Uint32Array(await readBuffer(gpu, buffer)), Uint32Array.of(1, 2, 3, 4));
  pool.destroy();
});

withGpu("writeBuffer() pads odd lengths with zeros", {}, async (gpu) => {
  const pool = new BufferPool(gpu);
  const buffer = pool.upload("odd", Uint8Array.of(1, 2, 3, 4, 5));
  writeBuffer(gpu, buffer, { data: Uint8Array.of(9), offset: 8 });
  const bytes = new Uint8Array(await readBuffer(gpu, buffer));
  assert.deepEqual(Array.from(bytes.subarray(0, 12)), [1, 2, 3, 4, 5, 0, 0, 0, 9, 0, 0, 0]);
  pool.destroy();
});
