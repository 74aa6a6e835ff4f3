/** Which weights a model has, in which format each is kept, and how each is cut to fit a binding. */
import { MAX_GROUPS } from "../../kernels/launch.ts";
import {
  inBlocks,
  rowBytes,
  WEIGHT_FORMATS,
  type WeightFormat,
} from "../../kernels/weights/weight.ts";
import { Refusal } from "../refusal.ts";
import type { ModelConfig } from "./config.ts";

/** What a weight does in the forward pass; decides its format. */
export type WeightRole = "embedding" | "head" | "router" | "projection" | "expert";

/** One matrix [rows, columns], or `experts` of them stacked. */
export interface WeightShape {
  /** Tensor, or what several tensors become together on the device. */
  readonly name: string;
  readonly role: WeightRole;
  readonly experts: number;
  readonly rows: number;
  readonly columns: number;
}

/** Rows, or experts of a stack, of one buffer. */
export interface ChunkPlan {
  readonly start: number;
  readonly count: number;
  /** Bytes of the values, and of the scales if there are any. */
  readonly values: number;
  readonly scales: number;
}

/** Rows of a chunk that one dispatch covers: a workgroup has at least 8. */
const MOST_ROWS = 8 * MAX_GROUPS;

/**
 * The format of a weight in a model of `dtype`. The router stays float32: a choice of experts flips at
 * differences far below a block's error. Beside blocks, the embedding is f16, since a row of it is read
 * once a token. Only experts are q4: they are nearly all of a model, while most of q4's error would come
 * from the other matrices, which each token goes through (docs/formats.md).
 */
export function formatOf(role: WeightRole, dtype: WeightFormat): WeightFormat {
  if (role === "router") return "f32";
  if (!inBlocks(dtype) || role === "expert") return dtype;
  return role === "embedding" ? "f16" : "q8";
}

/** What a tensor of a checkpoint does, by its canonical name; undefined for norms and biases. */
export function roleOf(name: string, shape: readonly number[]): WeightRole | undefined {
  if (shape.length !== 2) return undefined;
  if (name === "model.word_embeddings.weight") return "embedding";
  if (name === "lm_head.weight") return "head";
  if (name.endsWith(".mlp.gate.weight")) return "router";
  return /\.mlp\.(experts\.\d+|shared_experts)\./.test(name) ? "expert" : "projection";
}

/** The matrices of a model as they lie on the device, in the order of a forward pass. */
export function* weightShapes(c: ModelConfig): Generator<WeightShape> {
  const vocabulary = { experts: 1, rows: c.vocabSize, columns: c.hiddenSize };
  yield { name: "model.word_embeddings.weight", role: "embedding", ...vocabulary };
  for (let layer = 0; layer < c.numHiddenLayers; layer++) yield* layerShapes(c, layer);
  yield { name: "lm_head.weight", role: "head", ...vocabulary };
}

function* layerShapes(c: ModelConfig, layer: number): Generator<WeightShape> {
  const { hiddenSize: h, moeIntermediateSize: width } = c;
  const name = `model.layers.${layer}`;
  const queries = c.numAttentionHeads * c.headDim;
  const one = { role: "projection", experts: 1 } as const;
  const qkvRows = queries + 2 * c.numKeyValueHeads * c.headDim;
  yield { name: `${name}.attention.query_key_value.weight`, ...one, rows: qkvRows, columns: h };
  yield { name: `${name}.attention.dense.weight`, ...one, rows: h, columns: queries };
  if (layer < c.firstKDenseReplace) {
    yield { name: `${name}.mlp.up`, ...one, rows: 2 * c.intermediateSize, columns: h };
    yield { name: `${name}.mlp.down`, ...one, rows: h, columns: c.intermediateSize };
    return;
  }
  const stack = { role: "expert", experts: c.numExperts + c.numSharedExperts } as const;
  yield { name: `${name}.mlp.gate`, role: "router", experts: 1, rows: c.numExperts, columns: h };
  yield { name: `${name}.mlp.experts.up`, ...stack, rows: 2 * width, columns: h };
  yield { name: `${name}.mlp.experts.down`, ...stack, rows: h, columns: width };
}

/**
 * Cuts a weight into parts of at most `maxBinding` bytes, of whole experts for a stack, else of pairs of
 * rows (gate and up stay together). Refuses one whose smallest part is larger.
 */
export function chunksOf(
  shape: WeightShape,
  format: WeightFormat,
  maxBinding: number,
): ChunkPlan[] {
  const row = rowBytes(format, shape.columns);
  const stacked = shape.experts > 1;
  const rowsOfUnit = stacked ? shape.rows : 2;
  const unit = rowsOfUnit * row.values;
  if (unit > maxBinding) {
    const smaller = smallerThan(format);
    throw new Refusal(
      `Cannot place "${shape.name}" on the device: its smallest part has ${unit} bytes as ${format}, expected at most ${maxBinding}${
        smaller ? ` (try --dtype ${smaller})` : ""
      }`,
    );
  }
  const fitting = Math.floor(maxBinding / unit) * (stacked ? 1 : 2);
  const perChunk = stacked ? fitting : Math.min(fitting, MOST_ROWS);
  const total = stacked ? shape.experts : shape.rows;
  const rowsOfCount = stacked ? shape.rows : 1;
  return Array.from({ length: Math.ceil(total / perChunk) }, (_, index) => {
    const start = index * perChunk;
    const count = Math.min(perChunk, total - start);
    const rows = count * rowsOfCount;
    return { start, count, values: rows * row.values, scales: rows * row.scales };
  });
}

/** The next smaller format, if there is one. */
function smallerThan(format: WeightFormat): WeightFormat | undefined {
  return WEIGHT_FORMATS[WEIGHT_FORMATS.indexOf(format) + 1];
}

/** Bytes of a model's weights on the device; norms and biases count as float32. */
export function weightBytes(c: ModelConfig, dtype: WeightFormat): number {
  let bytes = 4 * c.hiddenSize;
  for (const { role, experts, rows, columns } of weightShapes(c)) {
    const { values, scales } = rowBytes(formatOf(role, dtype), columns);
    bytes += experts * rows * (values + scales);
  }
  const moeLayers = c.numHiddenLayers - c.firstKDenseReplace;
  return bytes + 4 * c.numHiddenLayers * (2 * c.hiddenSize + 2 * c.headDim) +
    4 * moeLayers * c.numExperts;
}
