/** Rows grouped by the experts that they chose. */
import alone from "./group.wgsl" with { type: "text" };
import shared from "./group_shared.wgsl" with { type: "text" };
import buffers from "./grouping.wgsl" with { type: "text" };
import { lanesOf } from "../lanes.ts";
import { CPU_LANES, type Dispatch, type Launcher, type WgslFile } from "../launch.ts";
import { mostTiles } from "../matmul/matmul_rows.ts";
import { type KernelSpec, liveRows } from "../spec.ts";
import { GATES, type RouteShape } from "./route.ts";

const BUFFERS: WgslFile = { name: "kernels/moe/grouping.wgsl", text: buffers };
const ALONE: WgslFile = { name: "kernels/moe/group.wgsl", text: alone };
const SHARED: WgslFile = { name: "kernels/moe/group_shared.wgsl", text: shared };

/** Prepares the counting sort of choices by expert and its tiles of at most `tileRows` rows. */
export async function groupKernel(
  launcher: Launcher,
  options: {
    readonly label: string;
    readonly live: GPUBuffer;
    readonly chosen: GPUBuffer;
    readonly order: GPUBuffer;
    readonly tiles: GPUBuffer;
    /** [experts] (start in `order`, count); empty experts have count 0. */
    readonly segments: GPUBuffer;
    /** Shared experts included. */
    readonly experts: number;
    readonly choices: number;
    readonly tileRows: number;
  },
): Promise<Dispatch[]> {
  const { label, live, chosen, order, tiles, segments, experts, choices, tileRows } = options;
  const gpu = launcher.target === "gpu";
  return [
    await launcher.prepare({
      label,
      files: [BUFFERS, gpu ? SHARED : ALONE],
      constants: {
        ...gpu ? lanesOf(launcher, 256) : { LANES: groupLanes(experts) },
        EXPERTS: experts,
        TM: tileRows,
      },
      params: { rows_at: 0, choices },
      bindings: [live, chosen, order, tiles, segments],
      groups: () => [gpu ? experts : 1],
    }),
  ];
}

/** Lanes whose counts of every expert fit the 16 KiB of workgroup memory that each device has. */
function groupLanes(experts: number): number {
  let lanes = CPU_LANES;
  while (lanes > 1 && 4 * experts * (lanes + 1) > 16384) lanes /= 2;
  return lanes;
}

/** Rows of a tile in the specs. */
const TILE = 4;

/** Checks and times the grouping; experts are dealt unevenly and some stay empty. */
export const groupSpecs: KernelSpec<RouteShape>[] = [{
  name: "group",
  // With so many rows no lane could count them for each of its experts, or twice each choice of its own
  // (kernels/moe/group.wgsl).
  shapes: [...GATES, { ...GATES[2], rows: 4640 }, { ...GATES[3], rows: 32768 }],
  benchShapes: [
    ...GATES.slice(2).map((shape) => ({ ...shape, rows: 32 })),
    { ...GATES[2], rows: 4640 },
  ],
  tolerance: 0, // integers
  inputs: ({ rows, experts, topK, shared }) => {
    const choices = topK + shared;
    const chosen = Uint32Array.from(
      { length: rows * choices },
      (_, a) => a % choices < topK ? (a * a + a) % experts : experts + a % choices - topK,
    );
    return {
      live: liveRows(rows),
      chosen,
      order: new Uint32Array(rows * choices),
      tiles: new Uint32Array(4 * (1 + mostTiles(rows * choices, experts + shared, TILE))),
      segments: new Uint32Array(2 * (experts + shared)).fill(99),
    };
  },
  reference: ({ experts, shared }, { chosen, tiles: room }) => {
    const tiles = [0, 0, 0, 0];
    const segments: number[] = [];
    const lists: number[][] = Array.from({ length: experts + shared }, () => []);
    for (const [a, expert] of chosen.entries()) lists[expert].push(a);
    let at = 0;
    for (const [e, { length }] of lists.entries()) {
      segments.push(at, length);
      for (let i = 0; i < length; i += TILE) tiles.push(e, at + i, Math.min(TILE, length - i), 0);
      at += length;
    }
    tiles[0] = tiles.length / 4 - 1;
    const table = new Uint32Array(room.length);
    table.set(tiles);
    return { order: lists.flat(), tiles: table, segments };
  },
  prepare: (launcher, { experts, topK, shared }, b) =>
    groupKernel(launcher, {
      label: "group",
      live: b.live,
      chosen: b.chosen,
      order: b.order,
      tiles: b.tiles,
      segments: b.segments,
      experts: experts + shared,
      choices: topK + shared,
      tileRows: TILE,
    }),
  rows: ({ rows }) => rows,
  bytes: ({ rows, topK, shared }) => 12 * rows * (topK + shared),
  flops: () => 0,
}];
