/** Teams of neighbouring lanes of a GPU, and how they tell each other what they have. */
import source from "./shares.wgsl" with { type: "text" };
import aloneSource from "./shares_alone.wgsl" with { type: "text" };
import memory from "./shares_memory.wgsl" with { type: "text" };
import subgroup from "./shares_subgroup.wgsl" with { type: "text" };
import type { Launcher, WgslFile } from "./launch.ts";

/** Lanes of a team. */
export const SHARES = 8;

/** What a team is, for GPUs. */
export const SHARES_FILE: WgslFile = { name: "kernels/shares.wgsl", text: source };
/** The same and its sums, where every lane is a team. */
export const SHARES_ALONE: WgslFile = { name: "kernels/shares_alone.wgsl", text: aloneSource };
const SUBGROUP: WgslFile = { name: "kernels/shares_subgroup.wgsl", text: subgroup };
const MEMORY: WgslFile = { name: "kernels/shares_memory.wgsl", text: memory };

/** The file that defines a team's sums and maxima: by shuffles where subgroups have whole teams; the same bits. */
export function sharesFile({ leastSubgroup }: Launcher): WgslFile {
  return leastSubgroup >= SHARES ? SUBGROUP : MEMORY;
}

/** Bytes of workgroup memory that sums and maxima of so many lanes take. */
export function sharesBytes(launcher: Launcher, lanes: number): number {
  return sharesFile(launcher) === MEMORY ? 16 * lanes : 0;
}
