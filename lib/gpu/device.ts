/**
 * Asks for an adapter and a device, and makes every GPU error fatal. Deno's WebGPU is silent
 * by default: an invalid shader or an oversized buffer throws nothing and prints nothing.
 */
import { Launcher, type Target } from "../../kernels/launch.ts";
import type { KernelSpec } from "../../kernels/spec.ts";
import { Refusal } from "../refusal.ts";
import { within } from "../within.ts";
import type { EngineName, WebGpu } from "./engines.ts";
import { DeviceMemory } from "./memory.ts";
import { gpuFormsAreRight, type SelfCheckOptions, wrongFeatures } from "./self_check.ts";

/** The device went away: with another one, what is not yet written can be done again. */
export class DeviceLost extends Refusal {}

/** A device, what it can do, and the launcher that compiles for it. */
export interface Gpu {
  /** WebGPU's own. */
  readonly device: GPUDevice;
  /** Compiles kernels for it. */
  readonly launcher: Launcher;
  /** Driver's name of the device, recorded in every result. */
  readonly adapter: string;
  /** The API below WebGPU: "vulkan", "metal", "dx12", "gl"; or another engine's name; "webgpu" where that is unknown. */
  readonly backend: string;
  /** Whether the adapter is the CPU in disguise. */
  readonly software: boolean;
  /** Features found by asking for them; none is required. */
  readonly features: readonly string[];
  /** Features that the device offers, and kernels for GPUs, that computed wrong values here: not used. */
  readonly wrong: readonly string[];
  /** What it holds. */
  readonly memory: DeviceMemory;
  /** Makes `check` throw from now on; the first error counts. */
  fail(error: Error): void;
  /** The first GPU error seen so far; a lost device counts most. */
  readonly fault: Error | undefined;
  /** Throws `fault` if there is one. */
  check(): void;
  /** After something failed: waits until the device had time to say that it is lost. */
  settle(): Promise<void>;
  /** Gives the device up. */
  destroy(): void;
}

/** What `wrong` has for kernels that only GPUs get. */
export const GPU_FORMS = "kernels for GPUs";

/** A line for all that is not used because it computed wrong values. */
export function fallbacksOf({ adapter, wrong }: Gpu): string[] {
  return wrong.map((feature) =>
    `"${adapter}" computes wrong values with ${feature}: plain kernels are used`
  );
}

/** Options of `openGpu`. */
export interface GpuOptions {
  /** Refuse any adapter whose name does not contain this. */
  readonly adapter?: string;
  /** Kernel shapes to use; by default what the adapter likes. */
  readonly target?: Target;
  /** Optional features to ask for; by default all that some kernel can use. */
  readonly features?: readonly string[];
  /** Kernels that each optional feature is checked with. */
  readonly selfChecks?: readonly KernelSpec[];
  /** Kernels that the forms for GPUs are checked with; none by default where `target` or `selfChecks` is given. */
  readonly gpuChecks?: readonly KernelSpec[];
  /** Remembers good verdicts of those checks; without it every start repeats them. */
  readonly cacheDir?: string;
  /** Implementation of WebGPU; Deno's own by default. */
  readonly engine?: EngineName;
  /** A `GPU` object to use instead of an engine's. */
  readonly gpu?: GPU;
  /** Bytes the device may hold; by default what a software adapter's machine has free. */
  readonly memory?: number;
}

/** Found by asking: Deno's adapter lists only a part of what `requestDevice` accepts. */
const WANTED_FEATURES = ["shader-f16", "subgroups", "timestamp-query", "wgpu-shader-int64"];

/** Raised from the standard's defaults to what the adapter has. */
const RAISED_LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
] as const;

/** How long the news of a lost device may take. */
const SETTLE_MS = 100;

/** Opens the best adapter; refuses when there is none. */
export async function openGpu(options: GpuOptions = {}): Promise<Gpu> {
  const { gpu, backend, driver, drivers, freeMemory } = await engineFor(options);
  const adapter = await gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) {
    const where = drivers ? ` among the drivers "${drivers}"` : "";
    throw new Refusal(
      `Cannot find a GPU: no adapter of backend "${backend}" answered${where}, expected a GPU driver or Mesa's lavapipe (see "unmask doctor")`,
    );
  }
  const name = nameOf(adapter.info);
  if (options.adapter && !name.toLowerCase().includes(options.adapter.toLowerCase())) {
    throw new Refusal(
      `Cannot use adapter "${options.adapter}": found "${name}", expected its name to contain that`,
    );
  }
  const features = await acceptedFeatures(gpu!, options.features ?? WANTED_FEATURES);
  const device = await adapter.requestDevice({
    requiredFeatures: features as GPUFeatureName[],
    requiredLimits: Object.fromEntries(RAISED_LIMITS.map((key) => [key, adapter.limits[key]])),
  });
  const health = watched(device, name);
  const software = adapter.info.isFallbackAdapter;
  const { target, wrong } = await trusted(device, {
    ...options,
    software,
    below: [backend, driver],
  });
  const usable = features.filter((feature) => !wrong.includes(feature));
  const launcher = new Launcher(device, target, usable);
  return {
    device,
    launcher,
    adapter: name,
    backend,
    software,
    features: usable,
    wrong,
    memory: new DeviceMemory(options.memory ?? (software ? freeMemory : undefined)),
    fail: health.fail,
    get fault() {
      return health.fault;
    },
    check: health.check,
    settle: health.settle,
    destroy() {
      health.close();
      launcher.destroy();
      device.destroy();
    },
  };
}

/** What a device reports, and when it is gone. */
function watched(device: GPUDevice, name: string) {
  let fault: Error | undefined;
  let closing = false;
  device.addEventListener("uncapturederror", (event) => {
    event.preventDefault();
    fault ??= new Error(
      `GPU error: ${(event as GPUUncapturedErrorEvent).error.message.replace(/\s*\n\s*/g, "; ")}`,
    );
  });
  const lost = device.lost.then(({ message }) => {
    // Whatever was reported first, a device that is gone explains it.
    if (!closing) {
      fault = new DeviceLost(
        `Cannot go on: the GPU device "${name}" was lost (${message}), expected it to stay`,
      );
    }
  });
  return {
    get fault() {
      return fault;
    },
    fail(error: Error) {
      fault ??= error;
    },
    check() {
      if (fault) throw fault;
    },
    async settle() {
      await within(lost, SETTLE_MS);
    },
    close() {
      closing = true;
      fault ??= closedEarly();
    },
  };
}

/** What work gets that is still under way when its device is given up; no record is to blame. */
function closedEarly(): Refusal {
  const early = new Refusal(
    "Cannot go on: the device was closed while results were awaited, expected that behind the last one",
  );
  early.fatal = true;
  return early;
}

/** The `GPU` object that was given, or that a web page has; else an engine's. */
async function engineFor({ gpu, engine }: GpuOptions): Promise<WebGpu> {
  if (gpu || typeof Deno === "undefined") {
    return { gpu: gpu ?? navigator.gpu, backend: engine ?? "webgpu" };
  }
  const { openEngine } = await import("./engines.ts");
  return await openEngine(engine ?? "deno");
}

/** What a driver calls its device; web browsers tell less of it. */
function nameOf({ description, device, vendor, architecture }: GPUAdapterInfo): string {
  return description || device || [vendor, architecture].filter(Boolean).join(" ");
}

/**
 * Features are tried on throw-away devices, since listing them tells only half: all together first,
 * one by one where that is refused.
 */
async function acceptedFeatures(gpu: GPU, wanted: readonly string[]): Promise<string[]> {
  if (await accepts(gpu, wanted)) return [...wanted];
  const accepted: string[] = [];
  for (const feature of wanted) if (await accepts(gpu, [feature])) accepted.push(feature);
  return accepted;
}

async function accepts(gpu: GPU, features: readonly string[]): Promise<boolean> {
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  try {
    const device = await adapter!.requestDevice({
      requiredFeatures: features as GPUFeatureName[],
    });
    device.destroy();
    return true;
  } catch {
    return false; // every kernel has a form that does without
  }
}

/** The forms of kernels that are right on a device, and what is not: other forms take its place. */
async function trusted(
  device: GPUDevice,
  { target, software, selfChecks: specs, gpuChecks, ...options }: GpuOptions & {
    software: boolean;
    below: SelfCheckOptions["below"];
  },
): Promise<{ target: Target; wrong: string[] }> {
  const memory = { cacheDir: options.cacheDir, below: options.below };
  const liked = target ?? (software ? "cpu" : "gpu");
  const wrong = await wrongFeatures(device, { target: liked, specs, ...memory });
  if (liked === "cpu") return { target: liked, wrong };
  const features = [...device.features].filter((name) => !wrong.includes(name));
  const forms = gpuChecks ?? (target === undefined && specs === undefined ? undefined : []);
  if (await gpuFormsAreRight(device, { features, specs: forms, ...memory })) {
    return { target: liked, wrong };
  }
  const plain = await wrongFeatures(device, { target: "cpu", specs, ...memory });
  return { target: "cpu", wrong: [GPU_FORMS, ...plain] };
}
