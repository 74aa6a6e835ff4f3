/** Which loop and tile a matmul takes on a device, and the files that load x and weights for it. */
import registers from "./matmul_registers.wgsl" with { type: "text" };
import subgroup from "./matmul_subgroup.wgsl" with { type: "text" };
import teams from "./matmul_teams.wgsl" with { type: "text" };
import block from "./runs_block.wgsl" with { type: "text" };
import narrow from "./runs_narrow.wgsl" with { type: "text" };
import wide from "./runs_wide.wgsl" with { type: "text" };
import teamsF32 from "./teams_f32.wgsl" with { type: "text" };
import teamsInt8 from "./teams_int8.wgsl" with { type: "text" };
import xQuads from "./x_quads.wgsl" with { type: "text" };
import { BLOCK } from "../weights/blocks.ts";
import { type Constants, CPU_LANES, type Launcher, type WgslFile } from "../launch.ts";
import { PACK_EIGHT } from "../pack.ts";
import { SHARES, SHARES_FILE, sharesFile } from "../shares.ts";
import {
  type ActivationFormat,
  BLOCK_WEIGHT_FILES,
  inBlocks,
  pieceQuads,
  rawParts,
  rawWeightFiles,
  type Weight,
  WEIGHT_FILES,
  WIDE_WEIGHT_FILES,
} from "../weights/weight.ts";

const BLOCK_RUNS: WgslFile = { name: "kernels/matmul/runs_block.wgsl", text: block };
const X_QUADS: WgslFile = { name: "kernels/matmul/x_quads.wgsl", text: xQuads };
const NARROW: WgslFile = { name: "kernels/matmul/runs_narrow.wgsl", text: narrow };
const REGISTERS: WgslFile = { name: "kernels/matmul/matmul_registers.wgsl", text: registers };
const SUBGROUP: WgslFile = { name: "kernels/matmul/matmul_subgroup.wgsl", text: subgroup };
/** The loop of teams of lanes. */
export const TEAMS: WgslFile = { name: "kernels/matmul/matmul_teams.wgsl", text: teams };
/** How x stands in workgroup memory and is multiplied. */
const TEAMS_X: Readonly<Record<ActivationFormat, WgslFile>> = {
  f32: { name: "kernels/matmul/teams_f32.wgsl", text: teamsF32 },
  int8: { name: "kernels/matmul/teams_int8.wgsl", text: teamsInt8 },
};
/** Eight values of x at a time. */
export const WIDE: readonly WgslFile[] = [
  PACK_EIGHT,
  { name: "kernels/matmul/runs_wide.wgsl", text: wide },
];

/** A loop over k and its tile: TM rows by NW weight rows a lane. Any choice gives the same bits. */
export interface TileShape {
  readonly loop: WgslFile;
  readonly lanes: number;
  /** Lanes, or teams of them, that have other weight rows. */
  readonly columnLanes: number;
  readonly TM: number;
  readonly NW: number;
  /** Rows that are skipped together where a tile does not have them, a divisor of TM; of GPUs. */
  readonly guarded: number;
  /** Loads of x and of weights in flight while others are multiplied; of GPUs. */
  readonly ahead: number;
  /** Whether passes of so many rows are its own; all, unless given. */
  readonly takes?: (rows: number) => boolean;
}

/** Groups of four channels that a team takes in a step. */
const STAGE_QUADS = SHARES * BLOCK / 4;

/** Workgroup memory of 16 rows of x and what heads or sums take beside; every device has 16 KiB. */
const ROOMY = 24 << 10;

/** Rows up to which a GPU has too few tiles of 16 to be busy. */
const FEW_TILES = 64;

/** Weight rows up to which a GPU gives each team one alone, since there are few teams. */
const FEW_WEIGHT_ROWS = 1024;

/** Loads ahead of those in tiles of few rows, for which registers have room. */
const FEW_AHEAD = 4;

/** Rows of such a tile at most. */
const FEW_TILE_ROWS = 4;

/** What of a matmul decides its tile. */
export interface TiledOptions {
  readonly w: Weight;
  /** Rows grouped by expert, in tiles of so many. */
  readonly groups?: { readonly tileRows: number };
  /** Weight rows are (gate, up) pairs and y = silu(gate) * up. */
  readonly pair?: boolean;
  /** y becomes [rows, headGroups] partial results of a greedy draw that never takes `mask`. */
  readonly head?: { readonly mask: number };
  /** Passes have FEW_CPU_ROWS rows at most: a hint for a CPU driver's speed. The bits are the same. */
  readonly few?: boolean;
  /** A GPU's tile in place of the one that suits it: to measure others. The bits are the same. */
  readonly teams?: TeamTile;
}

/** A GPU's tile: rows, lanes of its workgroup (64 or more), weight rows of a team, rows skipped, loads ahead. */
export type TeamTile = Pick<TileShape, "TM" | "lanes" | "NW" | "guarded" | "ahead">;

/** What suits the launcher's target; int8 activations have one loop for all. */
export function tileShapes(launcher: Launcher, options: TiledOptions): readonly TileShape[] {
  return byTeams(launcher, options.w) ? gpuTiles(launcher, options) : [cpuTile(launcher, options)];
}

function byTeams({ target }: Launcher, { activations }: Weight): boolean {
  return target === "gpu" || activations === "int8";
}

/** Measured on an H100 (docs/performance-log.md). */
function gpuTiles(
  { device }: Launcher,
  { w, groups, pair, head, teams }: TiledOptions,
): readonly TileShape[] {
  // A weight of few rows has too few workgroups to hide what each waits for.
  const few = !pair && !head && w.rows <= FEW_WEIGHT_ROWS;
  const width = { lanes: head ? 256 : 128, NW: few ? 1 : 4 };
  const teamTile = (team: TeamTile, takes?: TileShape["takes"]): TileShape => {
    return { ...team, loop: TEAMS, columnLanes: team.lanes / SHARES, takes };
  };
  const tile = (TM: number, takes?: TileShape["takes"]) => {
    // An expert's last tile has any number of rows; of two, asking costs more than computing.
    const guarded = groups && TM > 2 ? 1 : Math.min(4, TM);
    const ahead = few && TM <= FEW_TILE_ROWS ? FEW_AHEAD : 1;
    return teamTile({ ...width, TM, guarded, ahead }, takes);
  };
  if (teams) return [teamTile(teams)];
  const most = device.limits.maxComputeWorkgroupStorageSize < ROOMY ? 8 : 16;
  if (groups) return [tile(groups.tileRows)];
  if (head) return [tile(most)];
  return [tile(4, (rows) => rows <= FEW_TILES), tile(most, (rows) => rows > FEW_TILES)];
}

/** Rows of a CPU driver's tile where a pass has no more. */
export const FEW_CPU_ROWS = 2;

function cpuTile(
  launcher: Launcher,
  { w, groups, pair = false, few = false }: TiledOptions,
): TileShape {
  const shuffles = launcher.subgroupSize === CPU_LANES && !few;
  const TM = groups?.tileRows ?? (few ? FEW_CPU_ROWS : shuffles ? 16 : 8);
  const NW = weightRowsPerLane(w.rows, pair);
  const loop = shuffles ? SUBGROUP : REGISTERS;
  return { loop, lanes: CPU_LANES, columnLanes: CPU_LANES, TM, NW, guarded: TM, ahead: 1 };
}

/** Sums that a lane of a CPU driver keeps per row, for which it loads x once, and stores at once. */
const MOST_WEIGHT_ROWS = 8;

/** Sums a lane keeps per row: as many as leave no lane idle. */
function weightRowsPerLane(rows: number, pair: boolean): number {
  let width = MOST_WEIGHT_ROWS;
  while (width > (pair ? 2 : 1) && width * CPU_LANES > rows) width /= 2;
  return width;
}

/** Files that load x and w, in how many groups of four channels each is counted, and what they need. */
interface Runs {
  readonly parts: number;
  readonly wParts: number;
  readonly loads: readonly WgslFile[];
  readonly constants: Constants;
}

/** What a tile's loop loads by. */
export function runsOf(launcher: Launcher, w: Weight, tile: TileShape): Runs {
  return byTeams(launcher, w) ? teamRuns(launcher, w, tile) : laneRuns(launcher, w, tile);
}

function teamRuns(
  launcher: Launcher,
  w: Weight,
  { lanes, TM, NW, guarded, ahead }: TileShape,
): Runs {
  const { format, columns, activations = "f32" } = w;
  // Groups of four channels of x that a lane loads: of int8 enough to round them, and for all lanes if there are.
  const quads = activations === "f32" ? 1 : TM * STAGE_QUADS > 2 * lanes ? 4 : 2;
  const piece = pieceQuads(format, columns, NW);
  return {
    parts: 1,
    wParts: rawParts(format, columns),
    loads: [X_QUADS, SHARES_FILE, sharesFile(launcher), ...rawWeightFiles(w), TEAMS_X[activations]],
    constants: {
      WHOLE_STEPS: columns % (4 * STAGE_QUADS) === 0,
      WHOLE_BLOCKS: columns % BLOCK === 0,
      LOAD_QUADS: quads,
      LOADS: Math.ceil(TM * STAGE_QUADS / (quads * lanes)),
      ROW_QUADS: TM * BLOCK / 4,
      PIECE_QUADS: piece,
      PIECES: BLOCK / 4 / piece,
      PAIRS: piece / 2,
      AHEAD: ahead,
      WAITING: ahead - 1,
      GUARDED: guarded,
      GUARDS: TM / guarded,
      TURNS: Math.ceil(TM / SHARES),
      TURN_SUMS: Math.ceil(Math.min(TM, SHARES) * NW / 4),
    },
  };
}

/** Rows of a tile up to which whole blocks pay: with more, their values spill from the registers. */
const FEW_ROWS = 4;

function laneRuns(
  { int64 }: Launcher,
  { format, columns }: Weight,
  { lanes, TM }: TileShape,
): Runs {
  const same = (parts: number, loads: readonly WgslFile[]) => {
    const constants = { XG: Math.ceil(TM / lanes), FOURS: parts };
    return { parts, wParts: parts, loads, constants };
  };
  if (int64 && inBlocks(format) && columns % BLOCK === 0 && TM <= FEW_ROWS) {
    return same(BLOCK / 4, [BLOCK_RUNS, ...BLOCK_WEIGHT_FILES[format]]);
  }
  if (int64 && columns % 8 === 0) return same(2, [...WIDE, ...WIDE_WEIGHT_FILES[format]]);
  return same(1, [X_QUADS, ...WEIGHT_FILES[format], NARROW]);
}
