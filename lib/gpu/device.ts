/**
 * Edge: asks for an adapter and a device, and makes every GPU error fatal. Deno's WebGPU is silent
 * by default: an invalid shader or an oversized buffer throws nothing and prints nothing.
 */
import { Launcher, type Target } from "../../kernels/launch.ts";
import { Refusal } from "../refusal.ts";

/** A device, what it can do, and the launcher that compiles for it. */
export interface Gpu {
  readonly device: GPUDevice;
  readonly launcher: Launcher;
  /** Driver's name of the device, recorded in every result. */
  readonly adapter: string;
  readonly backend: string;
  /** Features found by asking for them; none is required. */
  readonly features: readonly string[];
  /** Throws the first GPU error seen so far, with its label. */
  check(): void;
  destroy(): void;
}

/** Options of `openGpu`. */
export interface GpuOptions {
  /** Refuse any adapter whose name does not contain this. */
  readonly adapter?: string;
  /** Kernel shapes to use; by default what the adapter likes. */
  readonly target?: Target;
  /** Another implementation of WebGPU; Deno's own by default. */
  readonly gpu?: GPU;
}

/** Found by asking: Deno's adapter lists only a part of what `requestDevice` accepts. */
const WANTED_FEATURES = ["shader-f16", "subgroups", "timestamp-query"];

/** Raised from the standard's defaults to what the adapter has. */
const RAISED_LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
] as const;

/** Opens the best adapter; refuses when there is none. */
export async function openGpu(options: GpuOptions = {}): Promise<Gpu> {
  quietLoader();
  const gpu = options.gpu ?? navigator.gpu;
  const adapter = await gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) {
    throw new Refusal(
      'Cannot find a GPU: no Vulkan adapter answered, expected a GPU driver or Mesa\'s lavapipe (see "unmask doctor")',
    );
  }
  const name = adapter.info.description || adapter.info.device;
  if (options.adapter && !name.toLowerCase().includes(options.adapter.toLowerCase())) {
    throw new Refusal(
      `Cannot use adapter "${options.adapter}": found "${name}", expected its name to contain that`,
    );
  }
  const features = await acceptedFeatures(gpu);
  const device = await adapter.requestDevice({
    requiredFeatures: features as GPUFeatureName[],
    requiredLimits: Object.fromEntries(RAISED_LIMITS.map((key) => [key, adapter.limits[key]])),
  });
  let fault: Error | undefined;
  device.addEventListener("uncapturederror", (event) => {
    event.preventDefault();
    fault ??= new Error(
      `GPU error: ${(event as GPUUncapturedErrorEvent).error.message.replace(/\s*\n\s*/g, "; ")}`,
    );
  });
  let closing = false;
  device.lost.then(({ message }) => {
    if (!closing) fault ??= new Refusal(`Cannot go on: the GPU device was lost (${message})`);
  });
  const target = options.target ?? (adapter.info.isFallbackAdapter ? "cpu" : "gpu");
  const launcher = new Launcher(device, target);
  return {
    device,
    launcher,
    adapter: name,
    backend: Deno.env.get("DENO_WEBGPU_BACKEND") ?? "default",
    features,
    check() {
      if (fault) throw fault;
    },
    destroy() {
      closing = true;
      launcher.destroy();
      device.destroy();
    },
  };
}

/** Keeps wgpu from probing OpenGL, and Mesa from warning about a missing runtime directory. */
function quietLoader(): void {
  if (!Deno.env.get("DENO_WEBGPU_BACKEND")) Deno.env.set("DENO_WEBGPU_BACKEND", "vulkan");
  if (!Deno.env.get("XDG_RUNTIME_DIR")) Deno.env.set("XDG_RUNTIME_DIR", "/tmp");
}

/** Each feature is tried on a throw-away device, since listing them tells only half. */
async function acceptedFeatures(gpu: GPU): Promise<string[]> {
  const accepted: string[] = [];
  for (const feature of WANTED_FEATURES) {
    const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
    try {
      const device = await adapter!.requestDevice({
        requiredFeatures: [feature as GPUFeatureName],
      });
      device.destroy();
      accepted.push(feature);
    } catch {
      // Not there: every kernel has a form that does without.
    }
  }
  return accepted;
}
