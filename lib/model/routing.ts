/** Which experts each row of a pass goes to, in decoding and in training: the router, and rows sorted by expert. */
import type { Dispatch, Launcher, Target } from "../../kernels/launch.ts";
import { type Groups, matmulKernel, mostTiles } from "../../kernels/matmul.ts";
import { groupKernel, routeKernel } from "../../kernels/route.ts";
import type { Weight } from "../../kernels/weight.ts";
import type { ModelConfig } from "./config.ts";
import { gateOf } from "./kernel_shapes.ts";

/** What routing writes, for T rows; uint32 where it does not say float32. */
export interface RoutingBuffers {
  /** Float32 [T, E] */
  readonly routerLogits: GPUBuffer;
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

/** Choices a row makes in a MoE layer: top-k and the shared experts. */
export function choicesOf(config: ModelConfig): number {
  return config.numExpertsPerTok + config.numSharedExperts;
}

/**
 * Rows of an expert tile. A CPU driver computes whole tiles: about as many as an expert gets from one block
 * of 32 rows. A GPU skips rows that are not there, and reads an expert of a long prompt less often.
 */
export function expertTileRows(config: ModelConfig, target: Target = "cpu"): number {
  if (target === "gpu") return 8;
  const perExpert = 32 * config.numExpertsPerTok / config.numExperts;
  return perExpert > 4 ? 8 : 4;
}

/** Bytes of each buffer for passes of at most `rows` rows. */
export function routingBytes(c: ModelConfig, rows: number): Record<keyof RoutingBuffers, number> {
  const choices = choicesOf(c);
  const experts = c.numExperts + c.numSharedExperts;
  return {
    routerLogits: 4 * rows * c.numExperts,
    chosen: 4 * rows * choices,
    routing: 4 * rows * choices,
    order: 4 * rows * choices,
    tiles: 16 * (1 + mostTiles(rows * choices, experts, expertTileRows(c))),
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
  /** Rows of an expert tile. */
  readonly tileRows: number;
}

/** Prepares the router, its choice, and the list of rows of each expert. */
export async function routingKernels(
  launcher: Launcher,
  { config: c, name, live, h, gate, bias, buffers, tileRows }: RoutingOptions,
): Promise<Dispatch[]> {
  const { routerLogits, chosen, routing, order, tiles, segments } = buffers;
  return [
    ...await matmulKernel(launcher, {
      label: `${name}.router`,
      live,
      x: h,
      w: gate,
      y: routerLogits,
    }),
    ...await routeKernel(launcher, {
      label: `${name}.route`,
      live,
      logits: routerLogits,
      bias,
      chosen,
      routing,
      ...gateOf(c),
    }),
    ...await groupKernel(launcher, {
      label: `${name}.group`,
      live,
      chosen,
      order,
      tiles,
      segments,
      experts: c.numExperts + c.numSharedExperts,
      choices: choicesOf(c),
      tileRows,
    }),
  ];
}

/** Rows of each expert, as grouped matmuls read them. */
export function groupsOf(
  config: ModelConfig,
  { buffers, tileRows }: { buffers: RoutingBuffers; tileRows: number },
): Omit<Groups, "side"> & Pick<RoutingBuffers, "segments"> {
  const { order, tiles, segments, routing } = buffers;
  return { order, tiles, segments, routing, choices: choicesOf(config), tileRows };
}
