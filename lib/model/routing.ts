/** Which experts each row of a pass goes to, in decoding and in training: the router, and rows sorted by expert. */
import type { Dispatch, Launcher, Target } from "../../kernels/launch.ts";
import { matmulKernel } from "../../kernels/matmul/matmul.ts";
import { type Groups, mostTiles, PAIR_ROWS } from "../../kernels/matmul/matmul_rows.ts";
import { groupKernel } from "../../kernels/moe/group.ts";
import { poolKernel } from "../../kernels/moe/pool.ts";
import { routeKernel } from "../../kernels/moe/route.ts";
import type { Weight } from "../../kernels/weights/weight.ts";
import type { ModelConfig } from "./config.ts";
import { gateOf } from "./kernel_shapes.ts";

/** What routing writes, for T rows; uint32 where it does not say float32. */
export interface RoutingBuffers {
  /** Float32 [T, E] */
  readonly routerLogits: GPUBuffer;
  /** Float32 [blocks, E], with block routing */
  readonly pool?: GPUBuffer;
  /** [T, choices] */
  readonly chosen: GPUBuffer;
  /** Float32 [T, choices] */
  readonly routing: GPUBuffer;
  /** [T * choices] */
  readonly order: GPUBuffer;
  /** [1 + most tiles] vec4u */
  readonly tiles: GPUBuffer;
  /** [experts, shared ones too] vec2u */
  readonly segments: GPUBuffer;
}

/** Bytes of each buffer. */
export type Bytes<Buffers> = { readonly [name in keyof Buffers]: number };

/** Choices a row makes in a MoE layer: top-k and the shared experts. */
export function choicesOf(config: ModelConfig): number {
  return config.numExpertsPerTok + config.numSharedExperts;
}

/** Experts that the rows of one block can go to. */
function mostDistinct({ numExperts, blockRouting }: ModelConfig): number {
  return blockRouting?.capacity ?? numExperts;
}

/** Rows of an expert's tiles, and the passes that are cut into them, by their rows. */
export interface ExpertTiles {
  readonly tileRows: number;
  /** Whether matmuls find them in the choices, without lists. */
  readonly unlisted?: boolean;
  takes(rows: number): boolean;
}

/** Rows up to which a GPU gets the smallest tiles: of two blocks most experts have one row or two. */
const FEW_ROWS = 64;

/**
 * How a pass's rows are cut into tiles by expert. A CPU driver computes whole tiles: about as many as an expert
 * gets from one block of 32 rows. On a GPU small tiles waste nothing on a block, and large ones read an expert
 * of a long prompt less often.
 */
export function expertTiles(config: ModelConfig, target: Target = "cpu"): readonly ExpertTiles[] {
  const perExpert = 32 * config.numExpertsPerTok / mostDistinct(config);
  if (target === "gpu" && perExpert <= 2) {
    return [
      { tileRows: PAIR_ROWS, unlisted: true, takes: (rows) => rows <= FEW_ROWS },
      { tileRows: 8, takes: (rows) => rows > FEW_ROWS },
    ];
  }
  return [{ tileRows: target === "gpu" || perExpert > 4 ? 8 : 4, takes: () => true }];
}

/** Fewest rows that a tile has on any device. */
function leastTile(config: ModelConfig): number {
  const tiles = [...expertTiles(config, "cpu"), ...expertTiles(config, "gpu")];
  return Math.min(...tiles.map(({ tileRows }) => tileRows));
}

/** Bytes of each buffer for passes of at most `rows` rows. */
export function routingBytes(
  c: ModelConfig,
  rows: number,
): Bytes<RoutingBuffers> {
  const assignments = rows * choicesOf(c);
  const experts = c.numExperts + c.numSharedExperts;
  return {
    routerLogits: 4 * rows * c.numExperts,
    ...(c.blockRouting ? { pool: 4 * Math.ceil(rows / c.blockRouting.rows) * c.numExperts } : {}),
    chosen: 4 * assignments,
    routing: 4 * assignments,
    order: 4 * assignments,
    tiles: 16 * (1 + mostTiles(assignments, experts, leastTile(c))),
    segments: 8 * experts,
  };
}

/** What a layer's rows are routed by. */
export interface RoutingOptions {
  readonly config: ModelConfig;
  /** Name of the layer's MLP. */
  readonly name: string;
  readonly live: GPUBuffer;
  /** Normed input [T, H]. */
  readonly h: GPUBuffer;
  readonly gate: Weight;
  readonly bias: GPUBuffer;
  readonly buffers: RoutingBuffers;
  /** For passes of FEW_CPU_ROWS rows at most. */
  readonly few?: boolean;
}

/** Prepares the router and its choice. */
export async function routingKernels(
  launcher: Launcher,
  { config: c, name, live, h, gate, bias, buffers, few }: RoutingOptions,
): Promise<Dispatch[]> {
  const { routerLogits, pool, chosen, routing } = buffers;
  const block = c.blockRouting;
  const logits = { live, logits: routerLogits };
  return [
    ...await matmulKernel(launcher, {
      label: `${name}.router`,
      live,
      x: h,
      w: gate,
      y: routerLogits,
      few,
    }),
    ...(block && pool
      ? [
        await poolKernel(launcher, {
          label: `${name}.pool`,
          ...logits,
          bias,
          pool,
          experts: c.numExperts,
          block,
        }),
      ]
      : []),
    ...await routeKernel(launcher, {
      label: `${name}.route`,
      ...logits,
      bias: pool ?? bias,
      chosen,
      routing,
      ...gateOf(c),
    }),
  ];
}

/** Prepares the list of each expert's rows, cut into tiles. */
export function groupingKernel(
  launcher: Launcher,
  { config: c, name, live, buffers, tileRows }:
    & Pick<RoutingOptions, "config" | "name" | "live" | "buffers">
    & { tileRows: number },
): Promise<Dispatch[]> {
  return groupKernel(launcher, {
    label: `${name}.group`,
    live,
    ...buffers,
    experts: c.numExperts + c.numSharedExperts,
    choices: choicesOf(c),
    tileRows,
  });
}

/** Rows of each expert, as grouped matmuls read them. */
export function groupsOf(
  config: ModelConfig,
  { buffers, tileRows }: { buffers: RoutingBuffers; tileRows: number },
): Omit<Groups, "side"> & Pick<RoutingBuffers, "segments"> {
  const { order, tiles, segments, routing } = buffers;
  return { order, tiles, segments, routing, choices: choicesOf(config), tileRows };
}
