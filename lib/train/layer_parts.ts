/** What the kernels of a decoder layer, forward and backward, are prepared from. */
import type { Launcher } from "../../kernels/launch.ts";
import type { ModelConfig } from "../model/config.ts";
import { choicesOf, expertTiles, groupsOf } from "../model/routing.ts";
import type { LayerBuffers, PassBuffers } from "./activations.ts";
import type { Parameters } from "./parameters.ts";

/** What a layer's kernels are prepared from. */
export interface LayerParts {
  readonly config: ModelConfig;
  readonly parameters: Parameters;
  readonly pass: PassBuffers;
  readonly layer: LayerBuffers;
  /** Experts' biases; absent in dense layers. */
  readonly bias?: GPUBuffer;
  /** Rotary table [positions, 2, rotary / 2]. */
  readonly rope: GPUBuffer;
  readonly index: number;
  /** Most rows of a pass. */
  readonly rows: number;
}

/** What joins the residual stream at the layer's entry. */
export interface Pending {
  readonly x: GPUBuffer;
  readonly add: GPUBuffer;
  readonly addends: number;
}

/** What an MLP adds to the residual stream: one addend a choice. */
export function mlpAddends(c: ModelConfig, index: number): number {
  return index >= c.firstKDenseReplace ? choicesOf(c) : 1;
}

/** Rows an expert gets on average from which a CPU driver takes larger tiles: it computes the last ones whole. */
const MANY_ROWS = 64;

/** Rows of each expert of the layer. */
export function layerGroups({ target }: Launcher, { config, layer, rows }: LayerParts) {
  const many = rows * config.numExpertsPerTok >= MANY_ROWS * config.numExperts;
  const tileRows = target === "cpu" && many ? 16 : expertTiles(config)[0].tileRows;
  return groupsOf(config, { buffers: layer, tileRows });
}
