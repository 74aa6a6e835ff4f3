/** How rows come to the tiles of a matmul: one after the other, or grouped by expert. */
import findPairs from "./find_pairs.wgsl" with { type: "text" };
import readPairs from "./read_pairs.wgsl" with { type: "text" };
import grouped from "./rows_grouped.wgsl" with { type: "text" };
import pairs from "./rows_pairs.wgsl" with { type: "text" };
import plain from "./rows_plain.wgsl" with { type: "text" };
import tilesGrouped from "./tiles_grouped.wgsl" with { type: "text" };
import tilesKnown from "./tiles_known.wgsl" with { type: "text" };
import type { Constants, Launcher, WgslFile } from "../launch.ts";

/** Rows of a dense matmul. */
export const PLAIN: WgslFile = { name: "kernels/matmul/rows_plain.wgsl", text: plain };
/** Rows of an expert matmul, and the tiles that `group` cuts them into. */
export const GROUPED: WgslFile = { name: "kernels/matmul/rows_grouped.wgsl", text: grouped };
/** Those tiles. */
export const GROUPED_TILES: WgslFile = {
  name: "kernels/matmul/tiles_grouped.wgsl",
  text: tilesGrouped,
};
/** Tiles by their index, as loops of teams ask for them. */
const KNOWN: WgslFile = { name: "kernels/matmul/tiles_known.wgsl", text: tilesKnown };
/** Rows of an expert matmul in tiles of two, without lists: who finds the tiles and who reads them. */
const PAIRS: WgslFile = { name: "kernels/matmul/rows_pairs.wgsl", text: pairs };
const PAIRS_BY_SIDE: Readonly<Record<Groups["side"], WgslFile>> = {
  up: { name: "kernels/matmul/find_pairs.wgsl", text: findPairs },
  down: { name: "kernels/matmul/read_pairs.wgsl", text: readPairs },
};

/** Rows of a tile that a GPU's workgroups find in the choices themselves. */
export const PAIR_ROWS = 2;

/** Rows grouped by expert, as `route` and `group` leave them. */
export interface Groups {
  readonly order: GPUBuffer;
  readonly tiles: GPUBuffer;
  readonly routing: GPUBuffer;
  /** Given, a GPU's tiles of PAIR_ROWS need no `order` and `tiles`. */
  readonly pairs?: {
    /** [rows, choices] expert: here the up side finds them. */
    readonly chosen: GPUBuffer;
    /** [rows, choices] vec4u: from here the down side takes them. */
    readonly found: GPUBuffer;
  };
  /** Choices a row, shared experts included. */
  readonly choices: number;
  /** Rows of a tile; must be the `tileRows` given to `group`. */
  readonly tileRows: number;
  /** Whether x has a row per assignment (down projection, weighted by routing) or per token. */
  readonly side: "up" | "down";
}

/** What finds a tile's rows. */
interface Rows {
  readonly files: readonly WgslFile[];
  readonly constants: Constants;
  /** Buffers of bindings 1, 5 and 8. */
  readonly bindings: readonly [GPUBuffer, GPUBuffer?, GPUBuffer?];
  /** Tiles of a pass of at most so many rows. */
  tiles(most: number): number;
}

/** How a matmul over `experts` experts finds the rows of its tiles. */
export function rowsOf(
  { target }: Launcher,
  { live, groups }: { readonly live: GPUBuffer; readonly groups?: Groups },
  { tileRows, experts, teams }: {
    readonly tileRows: number;
    readonly experts: number;
    /** Whether the loop is one of teams. */
    readonly teams: boolean;
  },
): Rows {
  const known = teams ? [KNOWN] : [];
  if (!groups) {
    const tiles = (most: number) => Math.ceil(most / tileRows);
    return { files: [PLAIN, ...known], constants: {}, bindings: [live], tiles };
  }
  const { pairs, choices, order, side } = groups;
  if (pairs && target === "gpu" && tileRows === PAIR_ROWS) {
    return {
      files: [PAIRS, PAIRS_BY_SIDE[side]],
      constants: { CHOICES: choices },
      bindings: side === "up" ? [pairs.chosen, live, pairs.found] : [pairs.found, live],
      tiles: (most) => most * choices,
    };
  }
  return {
    files: [GROUPED, GROUPED_TILES, ...known],
    constants: {},
    bindings: [groups.tiles, order],
    tiles: (most) => mostTiles(most * choices, experts, tileRows),
  };
}

/** Upper bound of tiles when `assignments` rows fall on `experts` experts, `tileRows` to a tile. */
export function mostTiles(assignments: number, experts: number, tileRows: number): number {
  return Math.min(assignments, Math.floor(assignments / tileRows) + experts);
}
