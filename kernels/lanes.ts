/** Reductions over all lanes of a workgroup. */
import source from "./lanes.wgsl" with { type: "text" };
import type { Launcher, WgslFile } from "./launch.ts";

/** Defines `total` and `highest`; wants the constants of `lanesOf`. */
export const LANES_FILE: WgslFile = { name: "kernels/lanes.wgsl", text: source };

/**
 * Constants of a workgroup of `lanes` lanes, a power of two and on GPUs at least 32. There reductions take
 * two steps, so that no lane reads all parts; a CPU driver pays more for the barrier between.
 */
export function lanesOf(
  { target }: Launcher,
  lanes: number,
): { readonly LANES: number; readonly SPAN: number; readonly SPANS: number } {
  const span = target === "gpu" ? 2 ** Math.ceil(Math.log2(lanes) / 2) : lanes;
  return { LANES: lanes, SPAN: span, SPANS: lanes / span };
}
