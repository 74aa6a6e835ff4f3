/**
 * Edge: which implementation of WebGPU runs. Deno's own (wgpu) is built in; Dawn comes as the npm package
 * "webgpu", which is large and therefore found at run time where somebody installed it.
 */
import { Refusal } from "../refusal.ts";

/** Implementations of WebGPU. */
export type EngineName = "deno" | "dawn";

/** Version of the npm package that the kernels were compiled with. */
const DAWN = "webgpu@0.6.2";

/** An implementation of WebGPU, as it runs here. */
export interface WebGpu {
  /** Its entry; undefined where there is none. */
  readonly gpu: GPU | undefined;
  /** The API below it, or its own name. */
  readonly backend: string;
  /** The drivers that the environment limits it to. */
  readonly drivers?: string;
  /** Version of the system's driver, where it can be read. */
  readonly driver?: string;
  /** Bytes of memory that its machine has free. */
  readonly freeMemory?: number;
}

/** Where Linux tells NVIDIA's driver; the name of a Mesa device has its version. */
const NVIDIA_VERSION = "/proc/driver/nvidia/version";

/** Opens an engine with quiet settings. */
export async function openEngine(name: EngineName): Promise<WebGpu> {
  quietLoader();
  return {
    gpu: await engineGpu(name),
    backend: name === "deno" ? Deno.env.get("DENO_WEBGPU_BACKEND")! : name,
    drivers: Deno.env.get("VK_DRIVER_FILES") ?? Deno.env.get("VK_ICD_FILENAMES"),
    driver: await Deno.readTextFile(NVIDIA_VERSION).catch(() => undefined),
    freeMemory: Deno.systemMemoryInfo().available,
  };
}

/** The API that a system's drivers serve: nothing else is looked for, and macOS has no Vulkan. */
export function nativeBackend(os: typeof Deno.build.os): string {
  return os === "darwin" ? "metal" : "vulkan";
}

/** Keeps wgpu from probing OpenGL, and Mesa from warning about a missing runtime directory. */
function quietLoader(): void {
  if (!Deno.env.get("DENO_WEBGPU_BACKEND")) {
    Deno.env.set("DENO_WEBGPU_BACKEND", nativeBackend(Deno.build.os));
  }
  if (!Deno.env.get("XDG_RUNTIME_DIR")) Deno.env.set("XDG_RUNTIME_DIR", "/tmp");
}

/** What is used of the package. */
interface DawnModule {
  create(flags: readonly string[]): GPU;
}

/**
 * The `GPU` object of an engine. `from` lists folders whose `node_modules` may hold the package (by
 * default the working folder and this program's own); `flags` are Dawn's, such as "backend=vulkan".
 */
export async function engineGpu(
  name: EngineName,
  { from = searched(), flags = [] }: {
    readonly from?: readonly string[];
    readonly flags?: readonly string[];
  } = {},
): Promise<GPU | undefined> {
  if (name === "deno") return navigator.gpu;
  // Here, so that this file can be in a web page's bundle.
  const [{ createRequire }, { pathToFileURL }] = await Promise.all([
    import("node:module"),
    import("node:url"),
  ]);
  for (const folder of from) {
    let path: string;
    try {
      path = createRequire(`${folder}/`).resolve("webgpu");
    } catch {
      continue; // not installed there
    }
    try {
      const { create } = await import(pathToFileURL(path).href) as DawnModule;
      return create(flags);
    } catch (error) {
      throw new Refusal(
        `Cannot load engine "dawn" from "${path}": ${
          (error as Error).message.split("\n")[0]
        }, expected the npm package ${DAWN} for this system`,
      );
    }
  }
  throw new Refusal(
    `Cannot use engine "dawn": no npm package "webgpu" in node_modules of "${
      from.join('" or "')
    }" or above, expected it there (npm install ${DAWN}); or --engine deno`,
  );
}

function searched(): string[] {
  const own = new URL("../..", import.meta.url);
  const folders = [Deno.cwd()];
  if (own.protocol === "file:") folders.push(own.pathname.replace(/\/$/, ""));
  return [...new Set(folders)];
}
