/**
 * Edge: which implementation of WebGPU runs. Deno's own (wgpu) is built in; Dawn comes as the npm package
 * "webgpu", which is large and therefore found at run time where somebody installed it.
 */
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { Refusal } from "../refusal.ts";

/** Implementations of WebGPU. */
export type EngineName = "deno" | "dawn";

/** Version of the npm package that the kernels were compiled with. */
const DAWN = "webgpu@0.6.2";

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
