/** A GPU's tiles of matmuls that `bench --only tiles` sets beside each other: the one in use, and what paper did not decide. */
import type { TeamTile } from "../kernels/matmul/matmul_tiles.ts";

/** What a tile has one of: [rows, lanes, weight rows of a team, rows skipped together, loads ahead]. */
type Listed = [TM: number, lanes: number, NW: number, guarded: number, ahead?: number];

const tiles = (...list: Listed[]): TeamTile[] =>
  list.map(([TM, lanes, NW, guarded, ahead = 1]) => ({ TM, lanes, NW, guarded, ahead }));
export const FEW = tiles(
  [4, 128, 4, 4],
  [4, 128, 4, 4, 2],
  [4, 128, 2, 4],
  [4, 64, 4, 4],
  [8, 128, 4, 4],
);
export const MANY = tiles(
  [16, 128, 4, 4],
  [16, 256, 4, 4],
  [16, 128, 4, 16],
  [12, 128, 6, 12],
  [8, 128, 6, 8],
  [8, 128, 8, 8],
);
export const NARROW = tiles(
  [4, 128, 1, 4],
  [4, 128, 1, 4, 2],
  [4, 128, 1, 4, 4],
  [2, 128, 1, 2, 2],
  [2, 128, 1, 2, 4],
);
export const EXPERTS = tiles(
  [2, 128, 4, 2],
  [2, 128, 4, 1],
  [2, 128, 4, 2, 2],
  [2, 64, 4, 2],
  [2, 64, 4, 2, 2],
  [4, 128, 4, 2],
);
export const EXPERTS_MANY = tiles(
  [8, 128, 4, 1],
  [8, 128, 4, 4],
  [8, 64, 4, 1],
  [16, 128, 4, 1],
);
export const INT8 = tiles(
  [4, 128, 4, 4],
  [4, 128, 4, 4, 2],
  [4, 128, 2, 4],
  [4, 64, 4, 4],
  [4, 128, 8, 4],
  [8, 128, 4, 4],
);
export const INT8_MANY = tiles(
  [16, 128, 4, 4],
  [16, 256, 4, 4],
  [16, 128, 4, 16],
  [12, 128, 6, 12],
  [8, 128, 4, 4],
);
export const INT8_EXPERTS = tiles(
  [2, 128, 4, 2],
  [2, 128, 4, 2, 2],
  [2, 128, 8, 2],
  [2, 64, 4, 2],
  [2, 64, 8, 2],
  [4, 128, 4, 2],
);
export const INT8_EXPERTS_MANY = tiles(
  [8, 128, 4, 1],
  [8, 128, 4, 4],
  [8, 128, 8, 4],
  [16, 128, 4, 1],
);
