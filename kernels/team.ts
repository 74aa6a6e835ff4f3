/** Teams of lanes that share a small item: one lane each on a CPU, where barriers cost most. */
import aloneSource from "./team_alone.wgsl" with { type: "text" };
import source from "./team.wgsl" with { type: "text" };
import { CPU_LANES, type Launcher, type WgslFile } from "./launch.ts";

/** How items are dealt to lanes. */
export interface Teams {
  readonly constants: { readonly LANES: number; readonly TEAM: number };
  /** Defines `team_sum`. */
  readonly file: WgslFile;
  /** Workgroups for so many items. */
  groups(items: number): number;
}

/** Teams for items of `steps` steps that lanes can share. */
export function teamsOf({ target }: Launcher, steps: number): Teams {
  const lanes = target === "gpu" ? 256 : CPU_LANES;
  const team = target === "gpu" ? Math.min(32, 2 ** Math.ceil(Math.log2(steps))) : 1;
  return {
    constants: { LANES: lanes, TEAM: team },
    file: team > 1
      ? { name: "kernels/team.wgsl", text: source }
      : { name: "kernels/team_alone.wgsl", text: aloneSource },
    groups: (items) => Math.ceil(items * team / lanes),
  };
}
