/**
 * Edge: start-up check of kernels that use optional features, and of those for GPUs alone. Drivers have computed
 * wrong values, so each form must compute its reference on this device before it is trusted.
 */
import { type Dispatch, type KernelCall, Launcher, type Target } from "../../kernels/launch.ts";
import { GPU_SPECS, OPTIONAL_SPECS } from "../../kernels/mod.ts";
import type { Arrays, KernelSpec } from "../../kernels/spec.ts";
import { sha256 } from "../digest.ts";
import { isFile, keepFile } from "../folder.ts";

/** Features that some kernel form uses. */
const OPTIONAL_FEATURES = ["subgroups", "wgpu-shader-int64"];

/** Options of `wrongFeatures`. */
export interface SelfCheckOptions {
  readonly target: Target;
  /** Kernels to check, at all of their shapes; by default all that have an optional form. */
  readonly specs?: readonly KernelSpec[];
  /** Remembers verdicts by adapter, runtime and kernel text: a check takes half a second. */
  readonly cacheDir?: string;
  /** What is below WebGPU: the API, which has a compiler of its own, and the driver's version where known. */
  readonly below?: readonly (string | undefined)[];
}

/** The device's features with which a kernel does not compute what it should. */
export async function wrongFeatures(
  device: GPUDevice,
  { target, specs = OPTIONAL_SPECS, ...memory }: SelfCheckOptions,
): Promise<string[]> {
  const offered = OPTIONAL_FEATURES.filter((name) => device.features.has(name as GPUFeatureName));
  if (offered.length === 0 || specs.length === 0) return [];
  if (await areRight(device, { target, specs, features: offered }, memory)) return [];
  const wrong: string[] = [];
  for (const name of offered) {
    if (!await allRight(device, { target, specs, features: [name] })) wrong.push(name);
  }
  // Right alone and wrong together: none of them is trusted.
  return wrong.length > 0 ? wrong : offered;
}

/** Whether the forms that only GPUs get compute their references with these features. */
export async function gpuFormsAreRight(
  device: GPUDevice,
  { features, specs = GPU_SPECS, ...memory }:
    & Omit<SelfCheckOptions, "target">
    & { features: readonly string[] },
): Promise<boolean> {
  if (specs.length === 0) return true;
  return await areRight(device, { target: "gpu", specs, features }, memory);
}

/** Whether all are right, as they are now or were once on such a device. */
async function areRight(
  device: GPUDevice,
  check: Check,
  { cacheDir, below }: Pick<SelfCheckOptions, "cacheDir" | "below">,
): Promise<boolean> {
  const memo = cacheDir && `${cacheDir}/self-checks/${await identity(device, check, below)}`;
  if (memo && await isFile(memo)) return true;
  const right = await allRight(device, check);
  // Only a good verdict is kept: a bad one is found, and told, at every start. Without a cache every start checks.
  if (right && memo) await keepFile(memo, "").catch(() => {});
  return right;
}

/** What a verdict is about: where kernels run, and all that is compiled for the check. */
async function identity(
  device: GPUDevice,
  check: Check,
  below: SelfCheckOptions["below"] = [],
): Promise<string> {
  const { vendor, device: id, description } = device.adapterInfo;
  const { deno, v8 } = Deno.version;
  const all = [vendor, id, description, ...below, deno, v8, ...await sourcesOf(device, check)];
  return await sha256(JSON.stringify(all));
}

/** Notes what would be compiled. */
class SourceLauncher extends Launcher {
  readonly sources: unknown[] = [];

  override prepare({ label, constants, files }: KernelCall): Promise<Dispatch> {
    this.sources.push([constants, ...files.map(({ text }) => text)]);
    return Promise.resolve({ label, encode() {} });
  }
}

async function sourcesOf(
  device: GPUDevice,
  { target, specs, features }: Check,
): Promise<unknown[]> {
  const launcher = new SourceLauncher(device, target, features);
  const unbound = new Proxy({}, { get: () => ({ size: Infinity }) });
  for (const spec of specs) {
    for (const shape of spec.shapes) {
      launcher.sources.push(shape);
      await spec.prepare(launcher, shape, unbound);
    }
  }
  return [target, features, ...launcher.sources];
}

/** Specs that have to be right, of one kind of forms with some features. */
interface Check {
  readonly target: Target;
  readonly specs: readonly KernelSpec[];
  readonly features: readonly string[];
}

async function allRight(
  device: GPUDevice,
  { target, specs, features }: Check,
): Promise<boolean> {
  const launcher = new Launcher(device, target, features);
  try {
    const checks = specs.flatMap((spec) => spec.shapes.map((shape) => [spec, shape] as const));
    const right = checks.map(([spec, shape]) => isRight(spec, launcher, shape));
    return (await Promise.all(right)).every(Boolean);
  } finally {
    launcher.destroy();
  }
}

/** Whether a kernel computes its reference, which its plain form is tested against too. */
async function isRight(
  spec: KernelSpec,
  launcher: Launcher,
  shape: Record<string, number>,
): Promise<boolean> {
  const inputs = spec.inputs(shape);
  const wanted = Object.entries(spec.reference(shape, inputs));
  try {
    const names = wanted.map(([name]) => name);
    const found = await outputs(spec, launcher, { shape, inputs, names });
    return wanted.every(([, values], index) => close(found[index], values, spec.tolerance));
  } catch {
    return false; // a form that does not even compile here is not used
  }
}

async function outputs(
  spec: KernelSpec,
  launcher: Launcher,
  { shape, inputs, names }: {
    shape: Record<string, number>;
    inputs: Arrays;
    names: readonly string[];
  },
): Promise<(Float32Array | Uint32Array)[]> {
  const { device } = launcher;
  const made: GPUBuffer[] = [];
  const make = (label: string, size: number, usage: number) => {
    const buffer = device.createBuffer({ label, size, usage });
    made.push(buffer);
    return buffer;
  };
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  try {
    const buffers: Record<string, GPUBuffer> = {};
    for (const [name, data] of Object.entries(inputs)) {
      const size = Math.max(16, Math.ceil(data.byteLength / 16) * 16);
      buffers[name] = make(`self-check ${name}`, size, STORAGE | COPY_SRC | COPY_DST);
      device.queue.writeBuffer(buffers[name], 0, data);
    }
    const dispatches = await spec.prepare(launcher, shape, buffers);
    const encoder = device.createCommandEncoder({ label: `self-check ${spec.name}` });
    const pass = encoder.beginComputePass();
    for (const dispatch of dispatches) dispatch.encode(pass, spec.rows(shape));
    pass.end();
    const staged = names.map((name) => {
      const { size } = buffers[name];
      const staging = make(`self-check ${name} read-back`, size, MAP_READ | COPY_DST);
      encoder.copyBufferToBuffer(buffers[name], 0, staging, 0, size);
      return staging;
    });
    device.queue.submit([encoder.finish()]);
    await Promise.all(staged.map((staging) => staging.mapAsync(GPUMapMode.READ)));
    return staged.map((staging, index) => {
      const bytes = staging.getMappedRange().slice(0);
      const words = inputs[names[index]] instanceof Uint32Array;
      return words ? new Uint32Array(bytes) : new Float32Array(bytes);
    });
  } finally {
    for (const buffer of made) buffer.destroy();
  }
}

/** Differences count against the largest wanted value; NaN is never close. */
function close(
  found: ArrayLike<number>,
  wanted: ArrayLike<number>,
  tolerance: number,
): boolean {
  let scale = 0;
  for (let i = 0; i < wanted.length; i++) scale = Math.max(scale, Math.abs(wanted[i]));
  for (let i = 0; i < wanted.length; i++) {
    if (!(Math.abs(found[i] - wanted[i]) <= tolerance * scale)) return false;
  }
  return true;
}
