import assert from "@std/assert";
import { type Dispatch, type KernelCall, Launcher, type Target } from "../../../kernels/launch.ts";
import { GPU_SPECS, KERNEL_SPECS, OPTIONAL_SPECS } from "../../../kernels/mod.ts";
import type { KernelSpec } from "../../../kernels/spec.ts";
import { fallbacksOf, openGpu } from "../../../lib/gpu/device.ts";
import { wrongFeatures } from "../../../lib/gpu/self_check.ts";
import { Session } from "../../../lib/session.ts";
import { withGpu } from "../../gpu.ts";

/** y = 2 x, except that a form which `usesFeature` says is optional computes `factor` x. */
function doubling(usesFeature: (launcher: Launcher) => boolean, factor: string): KernelSpec {
  const text = (factor: string) =>
    "struct Params { n: u32 }\n@group(0) @binding(0) var<uniform> p: Params;\n" +
    "@group(0) @binding(1) var<storage, read> x: array<f32>;\n" +
    "@group(0) @binding(2) var<storage, read_write> y: array<f32>;\n" +
    "@compute @workgroup_size(1)\nfn main(@builtin(workgroup_id) g: vec3u) {\n" +
    `  if (g.x < p.n) { y[g.x] = ${factor} * x[g.x]; }\n}\n`;
  return {
    name: "doubling",
    shapes: [{ n: 5 }],
    benchShapes: [],
    tolerance: 1e-6,
    inputs: ({ n }) => ({
      x: Float32Array.from({ length: n }, (_, i) => i),
      y: new Float32Array(n),
    }),
    reference: (_, { x }) => ({ y: x.map((value) => 2 * value) }),
    async prepare(launcher, { n }, { x, y }) {
      const optional = usesFeature(launcher);
      const file = {
        name: `kernels/doubling_${optional ? "optional" : "plain"}.wgsl`,
        text: text(optional ? factor : "2.0"),
      };
      const call = { label: "doubling", files: [file], params: { n }, bindings: [x, y] };
      return [await launcher.prepare({ ...call, groups: (rows) => [rows] })];
    },
    rows: ({ n }) => n,
    bytes: () => 0,
    flops: () => 0,
  };
}

const subgroups = (launcher: Launcher) => launcher.subgroupSize > 0;
const int64 = (launcher: Launcher) => launcher.int64;
const both = (launcher: Launcher) => subgroups(launcher) && int64(launcher);

withGpu("G10: a feature whose kernel computes wrong values is not used", {}, async (gpu) => {
  if (!subgroups(gpu.launcher) || !int64(gpu.launcher)) return;
  const cases: [string, KernelSpec, string[]][] = [
    ["right", doubling(both, "2.0"), []],
    ["wrong values", doubling(subgroups, "2.001"), ["subgroups"]],
    ["NaN", doubling(int64, "log(-x[g.x])"), ["wgpu-shader-int64"]],
    ["does not compile", doubling(subgroups, "nonsense"), ["subgroups"]],
    ["wrong together", doubling(both, "3.0"), ["subgroups", "wgpu-shader-int64"]],
  ];
  for (const [name, spec, wrong] of cases) {
    const opened = await openGpu({ selfChecks: [spec] });
    assert.deepEqual(opened.wrong, wrong, name);
    const lines = wrong.map((feature) =>
      `"${opened.adapter}" computes wrong values with ${feature}: plain kernels are used`
    );
    assert.deepEqual(fallbacksOf(opened), lines, name);
    assert.equal(subgroups(opened.launcher), !wrong.includes("subgroups"), name);
    assert.equal(int64(opened.launcher), !wrong.includes("wgpu-shader-int64"), name);
    opened.check();
    opened.destroy();
  }
});

withGpu("G10: kernels for GPUs that compute wrong values are not used", {}, async () => {
  for (const [factor, target] of [["2.0", "gpu"], ["2.001", "cpu"]] as const) {
    const spec = doubling((launcher) => launcher.target === "gpu", factor);
    const opened = await openGpu({ target: "gpu", selfChecks: [], gpuChecks: [spec] });
    assert.equal(opened.launcher.target, target);
    const lines = [
      `"${opened.adapter}" computes wrong values with kernels for GPUs: plain kernels are used`,
    ];
    assert.deepEqual(fallbacksOf(opened), target === "gpu" ? [] : lines);
    opened.check();
    opened.destroy();
  }
});

withGpu("G10: every kernel form for GPUs is right on this device", {}, async (gpu) => {
  const opened = await openGpu({ target: "gpu", selfChecks: [], gpuChecks: GPU_SPECS });
  assert.deepEqual([opened.launcher.target, opened.wrong], ["gpu", []]);
  opened.destroy();
  // Of the kernels that are checked, every file that GPUs alone compile.
  const kernelOf = ({ name }: KernelSpec) => name.split(" ")[0];
  const checked = new Set(GPU_SPECS.map(kernelOf));
  const all = KERNEL_SPECS.filter((spec) => checked.has(kernelOf(spec)) && !spec.gradient);
  const filesOf = async (target: Target, specs: readonly KernelSpec[], features?: string[]) => {
    const recorder = new Recorder(gpu.device, target, /./, features);
    await prepareAll(recorder, specs);
    return recorder.files;
  };
  const plain = await filesOf("cpu", all, []);
  const alone = (await filesOf("gpu", all)).difference(plain);
  assert.ok(
    alone.has("kernels/weights/raw_f16.wgsl") && alone.has("kernels/attention/attention_join.wgsl"),
    [...alone].join(),
  );
  assert.deepEqual([...alone.difference(await filesOf("gpu", GPU_SPECS))], []);
});

/** Notes which files of the calls are of a kind, by default those with optional features; compiles nothing. */
class Recorder extends Launcher {
  readonly files = new Set<string>();

  constructor(
    device: GPUDevice,
    target: Target,
    private readonly kind = /\bsubgroup[A-Z]|\bu64\b/,
    features?: readonly string[],
  ) {
    super(device, target, features);
  }

  override prepare({ label, files }: KernelCall): Promise<Dispatch> {
    for (const { name, text } of files) {
      if (this.kind.test(text)) this.files.add(name);
    }
    return Promise.resolve({ label, encode() {} });
  }
}

/** Files with optional features that the specs take on this kind of device. */
async function optionalFiles(device: GPUDevice, target: Target, specs: readonly KernelSpec[]) {
  const recorder = new Recorder(device, target);
  await prepareAll(recorder, specs);
  return recorder.files;
}

async function prepareAll(launcher: Launcher, specs: readonly KernelSpec[]): Promise<void> {
  const buffers = new Proxy<Record<string, GPUBuffer>>({}, { get: () => ({ size: 1 << 20 }) });
  for (const spec of specs) {
    for (const shape of spec.shapes) await spec.prepare(launcher, shape, buffers);
  }
}

withGpu("G10: every file that uses an optional feature is checked", {}, async ({ device }) => {
  for (const target of ["cpu", "gpu"] as const) {
    const used = await optionalFiles(device, target, KERNEL_SPECS);
    const seen = await optionalFiles(device, target, OPTIONAL_SPECS);
    assert.deepEqual([...seen].toSorted(), [...used].toSorted(), target);
  }
});

withGpu("G10: every optional kernel form is right on this device", {}, async () => {
  for (const target of ["cpu", "gpu"] as const) {
    const opened = await openGpu({ target, selfChecks: OPTIONAL_SPECS });
    assert.deepEqual(opened.wrong, []);
    opened.destroy();
  }
});

withGpu("G10: a good verdict is remembered, a bad one is told at every start", {}, async (gpu) => {
  if (!subgroups(gpu.launcher)) return;
  const cacheDir = await Deno.makeTempDir();
  const bad = doubling(subgroups, "2.001");
  for (let start = 0; start < 2; start++) {
    const opened = await openGpu({ selfChecks: [bad], cacheDir });
    assert.deepEqual(opened.wrong, ["subgroups"]);
    opened.destroy();
  }
  const session = new Session({ cacheDir });
  assert.deepEqual((await session.gpu()).wrong, []);
  await session.close();
  assert.equal((await Array.fromAsync(Deno.readDir(`${cacheDir}/self-checks`))).length, 1);
  await Deno.remove(cacheDir, { recursive: true });
});

withGpu(
  "G10: a good verdict is about one text of a kernel on one backend and driver",
  {},
  async (gpu) => {
    if (!subgroups(gpu.launcher)) return;
    const cacheDir = await Deno.makeTempDir();
    const verdict = (factor: string, ...below: string[]) =>
      wrongFeatures(gpu.device, {
        target: "cpu",
        specs: [doubling(subgroups, factor)],
        cacheDir,
        below,
      });
    const kept = async () =>
      (await Array.fromAsync(Deno.readDir(`${cacheDir}/self-checks`))).length;
    assert.deepEqual(await verdict("2.0", "vulkan"), []);
    assert.deepEqual(await verdict("2.001", "vulkan"), ["subgroups"]);
    assert.deepEqual([await verdict("2.0", "vulkan"), await kept()], [[], 1]);
    assert.deepEqual([await verdict("2.0", "dx12"), await kept()], [[], 2]);
    assert.deepEqual([await verdict("2.0", "vulkan", "570.1"), await kept()], [[], 3]);
    await Deno.remove(cacheDir, { recursive: true });
  },
);
