/** Teams of lanes that share a small item: one lane each on a CPU, where barriers cost most. */
import aloneSource from "./team_alone.wgsl" with { type: "text" };
import source from "./team.wgsl" with { type: "text" };
import subgroupSource from "./team_subgroup.wgsl" with { type: "text" };
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

/**
 * Teams for items of many steps, TURNS of them in turn. On a CPU driver a subgroup is a team, so that its lanes
 * read neighbours, and has as many turns as lanes, since a workgroup's start costs more than one.
 */
export function longTeamsOf(
  launcher: Launcher,
  steps: number,
): Teams & { readonly constants: { readonly TURNS: number } } {
  if (launcher.target === "cpu" && launcher.subgroupSize === CPU_LANES) {
    return {
      constants: { LANES: CPU_LANES, TEAM: CPU_LANES, TURNS: CPU_LANES },
      file: { name: "kernels/team_subgroup.wgsl", text: subgroupSource },
      groups: (items) => Math.ceil(items / CPU_LANES),
    };
  }
  const teams = teamsOf(launcher, steps);
  return { ...teams, constants: { ...teams.constants, TURNS: 1 } };
}
