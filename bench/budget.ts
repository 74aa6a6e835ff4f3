/**
 * What one step of denoising or training has to cost: bytes that cross memory, floating-point operations,
 * dispatches and read-backs, from a model's configuration alone.
 */
import { bytesOfRow, type WeightFormat } from "../kernels/weights/weight.ts";
import type { ModelConfig } from "../lib/model/config.ts";
import { formatOf, type WeightRole } from "../lib/model/placement.ts";

/** What a step is about. */
export interface StepShape {
  readonly dtype: WeightFormat;
  /** Rows of the pass, a block of 32 for each record. */
  readonly rows: number;
  /** Keys each row sees before its own block. */
  readonly context: number;
  /** Experts of a layer that the rows choose, where counted; else as many as if they chose independently. */
  readonly experts?: number;
}

/** The least a step costs. */
export interface StepBudget {
  readonly weightBytes: number;
  readonly cacheBytes: number;
  readonly flops: number;
  readonly dispatches: number;
}

/**
 * Experts of a layer that `rows` rows choose if they choose independently: E (1 - (1 - k / E)^rows). With block
 * routing, E is what a block's rows may choose from, and blocks choose theirs independently.
 */
export function distinctExperts(c: ModelConfig, rows: number): number {
  const chosen = (from: number, each: number, times: number) =>
    from * (1 - (1 - each / from) ** times);
  const { numExperts, numExpertsPerTok: topK, blockRouting } = c;
  if (!blockRouting) return chosen(numExperts, topK, rows);
  const each = chosen(blockRouting.capacity, topK, Math.min(rows, blockRouting.rows));
  return chosen(numExperts, each, Math.ceil(rows / blockRouting.rows));
}

/** Bytes that a kind of dispatch reads at least, in all layers, and its floating-point operations. */
export interface KindBudget {
  readonly bytes: number;
  readonly flops: number;
}

/** The budget of each kind of dispatch that multiplies, by its label without the layer. */
export function kindBudgets(
  c: ModelConfig,
  { dtype, rows, context, experts = distinctExperts(c, rows) }: StepShape,
): Readonly<Record<string, KindBudget>> {
  const { hiddenSize: h, headDim: d, numAttentionHeads: heads, numKeyValueHeads: kvHeads } = c;
  const layers = c.numHiddenLayers;
  const dense = c.firstKDenseReplace;
  const moe = layers - dense;
  const width = c.moeIntermediateSize;
  const choices = c.numExpertsPerTok + c.numSharedExperts;
  const read = experts + c.numSharedExperts;
  /** `read` matrices of `count` a layer are read, each row goes through `used` of them. */
  const matrix = (
    count: number,
    [outputs, inputs]: readonly [number, number],
    { role = "projection", read = 1, used = 1 }: {
      role?: WeightRole;
      read?: number;
      used?: number;
    } = {},
  ) => ({
    bytes: count * read * outputs * bytesOfRow(formatOf(role, dtype), inputs),
    flops: 2 * count * rows * used * outputs * inputs,
  });
  const cached = 2 * kvHeads * d * (dtype === "f32" ? 4 : 2) * layers;
  return {
    qkv: matrix(layers, [(heads + 2 * kvHeads) * d, h]),
    attention: {
      bytes: cached * (context * rows / 32 + rows),
      flops: 4 * layers * rows * heads * d * (context + 32),
    },
    dense: matrix(layers, [h, heads * d]),
    up: matrix(dense, [2 * c.intermediateSize, h]),
    down: matrix(dense, [h, c.intermediateSize]),
    router: matrix(moe, [c.numExperts, h], { role: "router" }),
    "experts.up": matrix(moe, [2 * width, h], { role: "expert", read, used: choices }),
    "experts.down": matrix(moe, [h, width], { role: "expert", read, used: choices }),
    lm_head: matrix(1, [c.vocabSize, h], { role: "head" }),
  };
}

/** Bytes, operations and dispatches of one step; every weight that is needed is read once. */
export function stepBudget(c: ModelConfig, shape: StepShape): StepBudget {
  const moeLayers = c.numHiddenLayers - c.firstKDenseReplace;
  const kinds = kindBudgets(c, shape);
  const sum = (part: keyof KindBudget) =>
    Object.values(kinds).reduce((sum, kind) => sum + kind[part], 0);
  const cacheBytes = kinds.attention.bytes;
  return {
    weightBytes: sum("bytes") - cacheBytes,
    cacheBytes,
    flops: sum("flops"),
    dispatches: DISPATCHES.dense * c.firstKDenseReplace +
      (DISPATCHES.moe + (c.blockRouting ? 1 : 0)) * moeLayers + DISPATCHES.pass,
  };
}

/** Where every tensor fits a binding; a long context on a GPU adds one a layer. A test counts them. */
const DISPATCHES = {
  /** Norm, qkv, QK norm with RoPE and cache, attention, projection, norm, gate with up, down. */
  dense: 8,
  /** As before; router, gate and grouping, which a GPU's few rows do without, come before the experts' two. */
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
