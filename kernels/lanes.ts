/** Reductions over all lanes of a workgroup. */
import source from "./lanes.wgsl" with { type: "text" };
import subgroup from "./lanes_subgroup.wgsl" with { type: "text" };
import type { Launcher, WgslFile } from "./launch.ts";

/** Defines `total` and `highest`; wants the constants of `lanesOf`. */
export const LANES_FILE: WgslFile = { name: "kernels/lanes.wgsl", text: source };

const SUBGROUP: WgslFile = { name: "kernels/lanes_subgroup.wgsl", text: subgroup };

/**
 * Defines `total` alone, by shuffles where a CPU driver's subgroup is a workgroup of so many lanes. Nothing that was
 * written before is ordered by it.
 */
export function totalFile(launcher: Launcher, lanes: number): WgslFile {
  return inSubgroup(launcher, lanes) ? SUBGROUP : LANES_FILE;
}

/** Whether a workgroup of so many lanes is a CPU driver's subgroup. */
export function inSubgroup({ target, subgroupSize }: Launcher, lanes: number): boolean {
  return target === "cpu" && subgroupSize === lanes;
}

/** Longest span that is unrolled: many copies of longer ones take a CPU driver seconds to compile. */
const MOST_COPIES = 16;

/**
 * Constants of a workgroup of `lanes` lanes, a power of two. On GPUs reductions take two steps, so that no
 * lane reads all parts; a CPU driver pays more for the barrier between.
 */
export function lanesOf(
  { target }: Launcher,
  lanes: number,
): {
  readonly LANES: number;
  readonly SPAN: number;
  readonly STEP: number;
  readonly SPANS: number;
} {
  const span = target === "gpu" ? 2 ** Math.ceil(Math.log2(lanes) / 2) : lanes;
  const step = span > MOST_COPIES ? 1 : span;
  return { LANES: lanes, SPAN: span, STEP: step, SPANS: lanes / span };
}
