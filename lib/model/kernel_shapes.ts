/** A configuration's sizes under the names that kernels take them by. */
import type { HeadShape } from "../../kernels/attention/qk_norm_rope.ts";
import type { GateShape } from "../../kernels/moe/route.ts";
import type { ModelConfig } from "./config.ts";

/** Heads as kernels take them. */
export function headsOf(c: ModelConfig): HeadShape {
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

/** The router, as its kernels take it. Block routing knows no groups. */
export function gateOf(c: ModelConfig): GateShape {
  return {
    experts: c.numExperts,
    groups: c.blockRouting ? 1 : c.nGroup,
    topGroups: c.blockRouting ? 1 : c.topkGroup,
    blockRows: c.blockRouting?.rows,
    topK: c.numExpertsPerTok,
    sharedExperts: c.numSharedExperts,
    normalize: c.normTopkProb,
    scaling: c.routedScalingFactor,
  };
}
