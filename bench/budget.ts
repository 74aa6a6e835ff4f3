/**
 * What one step of denoising or training has to cost: bytes that cross memory, floating-point operations,
 * dispatches and read-backs, from a model's configuration alone.
 */
import { bytesOfRow, type WeightFormat } from "../kernels/weight.ts";
import type { ModelConfig } from "../lib/model/config.ts";

/** What a step is about. */
export interface StepShape {
  readonly dtype: WeightFormat;
  /** Rows of the pass, a block of 32 for each record. */
  readonly rows: number;
  /** Keys each row sees before its own block. */
  readonly context: number;
}

/** The least a step costs. */
export interface StepBudget {
  /** Experts of a layer that the rows choose, if they choose independently. */
  readonly experts: number;
  readonly weightBytes: number;
  readonly cacheBytes: number;
  readonly flops: number;
  readonly dispatches: number;
}

/** Experts of a layer that `rows` rows choose if they choose independently: E (1 - (1 - k / E)^rows). */
export function distinctExperts(c: ModelConfig, rows: number): number {
  return c.numExperts * (1 - (1 - c.numExpertsPerTok / c.numExperts) ** rows);
}

/** Bytes, operations and dispatches of one step; every weight that is needed is read once. */
export function stepBudget(c: ModelConfig, { dtype, rows, context }: StepShape): StepBudget {
  const { hiddenSize: h, headDim: d, numAttentionHeads: heads, numKeyValueHeads: kvHeads } = c;
  const moeLayers = c.numHiddenLayers - c.firstKDenseReplace;
  const experts = distinctExperts(c, rows);
  const matrix = (outputs: number, inputs: number) => outputs * bytesOfRow(dtype, inputs);
  const expert = matrix(2 * c.moeIntermediateSize, h) + matrix(h, c.moeIntermediateSize);
  const attention = matrix((heads + 2 * kvHeads) * d, h) + matrix(h, heads * d);
  const router = 4 * c.numExperts * h;
  const moe = router + (experts + c.numSharedExperts) * expert;
  const dense = matrix(2 * c.intermediateSize, h) + matrix(h, c.intermediateSize);
  const head = matrix(c.vocabSize, h);
  const perRow = c.numHiddenLayers * (heads + 2 * kvHeads + heads) * d * h +
    c.firstKDenseReplace * 3 * c.intermediateSize * h +
    moeLayers *
      (c.numExperts + (c.numExpertsPerTok + c.numSharedExperts) * 3 * c.moeIntermediateSize) * h +
    c.vocabSize * h;
  const perKey = 2 * c.numHiddenLayers * heads * d;
  const cached = 2 * kvHeads * d * (dtype === "f32" ? 4 : 2) * c.numHiddenLayers;
  return {
    experts,
    weightBytes: c.numHiddenLayers * attention + c.firstKDenseReplace * dense + moeLayers * moe +
      head,
    cacheBytes: cached * (context * rows / 32 + rows),
    flops: 2 * rows * (perRow + perKey * (context + 32)),
    dispatches: DISPATCHES.dense * c.firstKDenseReplace + DISPATCHES.moe * moeLayers +
      DISPATCHES.pass,
  };
}

/** Where every tensor fits a binding; a long context on a GPU adds one a layer. A test counts them. */
export const DISPATCHES = {
  /** Norm, qkv, QK norm with RoPE and cache, attention, projection, norm, gate with up, down. */
  dense: 8,
  /** As before; router, gate and grouping come before the experts' two. */
  moe: 11,
  /** Plan, embedding, last norm, head, draw, accept. */
  pass: 6,
} as const;

/** What a training pass is about. */
export interface PassShape {
  readonly rows: number;
  /** Rows that go through the head. */
  readonly targets: number;
  /** Pairs of a row and a row that it sees. */
  readonly pairs: number;
}

/**
 * Multiply-adds of each product of a forward pass, in all layers: rows x outputs x inputs of a matrix, over
 * the experts that were chosen; q . k and p v for the pairs that attention looks at. Each is two operations
 * forward and four backward, by the inputs and by the weights (keys and values). What a kernel computes
 * twice (attention's scores) counts once; norms, softmaxes and the gate's choice do not count.
 */
export function passProducts(c: ModelConfig, { rows, targets, pairs }: PassShape) {
  const { hiddenSize: h, numAttentionHeads: heads, numHiddenLayers: layers } = c;
  const moe = layers - c.firstKDenseReplace;
  const dense = c.firstKDenseReplace * rows * c.intermediateSize * h;
  const expert = moe * rows * (c.numExpertsPerTok + c.numSharedExperts) * c.moeIntermediateSize * h;
  return {
    qkv: layers * rows * (heads + 2 * c.numKeyValueHeads) * c.headDim * h,
    attention: layers * 2 * pairs * heads * c.headDim,
    projection: layers * rows * heads * c.headDim * h,
    "dense up": 2 * dense,
    "dense down": dense,
    router: moe * rows * c.numExperts * h,
    "experts up": 2 * expert,
    "experts down": expert,
    head: targets * c.vocabSize * h,
  };
}

/** A name of `passProducts`. */
export type Product = keyof ReturnType<typeof passProducts>;
