/** What the kernels of a decoder layer, forward and backward, are prepared from. */
import type { GateShape } from "../../kernels/route.ts";
import type { ModelConfig } from "../model/config.ts";
import { choicesOf, expertTileRows } from "../model/forward.ts";
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

/** Heads as kernels take them. */
export function headsOf(c: ModelConfig) {
  return { heads: c.numAttentionHeads, kvHeads: c.numKeyValueHeads, headDim: c.headDim };
}

/** Width and eps of a norm of the residual stream. */
export function normOf(c: ModelConfig) {
  return { width: c.hiddenSize, eps: c.rmsNormEps };
}

/** Heads with their norm and rotary channels. */
export function rotaryOf(c: ModelConfig) {
  return { ...headsOf(c), rotaryDim: c.rotaryDim, qkNorm: c.useQkNorm, eps: c.rmsNormEps };
}

/** The router, as its kernels take it. */
export function gateOf(c: ModelConfig): GateShape {
  return {
    experts: c.numExperts,
    groups: c.nGroup,
    topGroups: c.topkGroup,
    topK: c.numExpertsPerTok,
    sharedExperts: c.numSharedExperts,
    normalize: c.normTopkProb,
    scaling: c.routedScalingFactor,
  };
}

/** Which rows each expert takes, as the grouped matmuls read it. */
export function groupsOf({ config: c, layer }: LayerParts) {
  const { order, tiles, segments, routing } = layer;
  return { order, tiles, segments, routing, choices: choicesOf(c), tileRows: expertTileRows(c) };
}
