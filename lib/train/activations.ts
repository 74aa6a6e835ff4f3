/** Buffers of a training pass of at most T rows with at most M targets; all float32 unless it says so. */
import { qkNormParts } from "../../kernels/attention/qk_norm_rope_grad.ts";
import { rmsNormParts } from "../../kernels/rms_norm_grad.ts";
import type { BufferPool } from "../gpu/buffers.ts";
import type { ModelConfig } from "../model/config.ts";
import { choicesOf, routingBytes } from "../model/routing.ts";

/** Most rows and targets of a pass. */
export interface TrainSizes {
  /** Most rows of a pass, all streams counted. */
  readonly rows: number;
  /** Most targets of a pass. */
  readonly targets: number;
}

/**
 * Buffers of one layer: its input x [T, H], the residual stream with all before it, and what it leaves for its
 * backward pass.
 */
export type LayerBuffers = Readonly<Record<keyof ReturnType<typeof layerBytes>, GPUBuffer>>;

/** Buffers of a pass that all layers use in turn. */
export type PassBuffers = Readonly<Record<keyof ReturnType<typeof passBytes>, GPUBuffer>>;

/** Bytes of each buffer of one layer, its input included. */
function layerBytes(c: ModelConfig, { rows }: TrainSizes) {
  const choices = choicesOf(c);
  const width = Math.max(c.intermediateSize, choices * c.moeIntermediateSize);
  const floats = (perRow: number) => 4 * rows * perRow;
  return {
    x: floats(c.hiddenSize),
    h: floats(c.hiddenSize),
    qkv: floats(qkvWidth(c)),
    turned: floats(qkvWidth(c)),
    attention: floats(c.numAttentionHeads * c.headDim),
    lse: floats(c.numAttentionHeads),
    middle: floats(c.hiddenSize),
    h2: floats(c.hiddenSize),
    ...routingBytes(c, rows),
    gateUp: floats(2 * width),
    activation: floats(width),
  };
}

/** Bytes of each buffer that the layers share. */
function passBytes(c: ModelConfig, { rows, targets }: TrainSizes) {
  const choices = choicesOf(c);
  const width = Math.max(c.intermediateSize, choices * c.moeIntermediateSize);
  const floats = (perRow: number) => 4 * rows * perRow;
  return {
    live: 16,
    rows: floats(4),
    spans: floats(4),
    queries: floats(8),
    targetRows: 16 * targets,
    labels: 4 * targets,
    coefficients: 8 * targets,
    tokenOrder: floats(1),
    tokenSegments: 8 * c.vocabSize,
    targetOrder: 4 * targets,
    targetSegments: floats(2),
    embedded: floats(c.hiddenSize),
    noise: floats(c.hiddenSize),
    projected: floats(c.hiddenSize),
    mlp: floats(choices * c.hiddenSize),
    last: floats(c.hiddenSize),
    lastNormed: floats(c.hiddenSize),
    targetNormed: 4 * targets * c.hiddenSize,
    logits: 4 * targets * c.vocabSize,
    stats: 16 * targets,
    dx: floats(c.hiddenSize),
    dh: floats(c.hiddenSize),
    dmlp: floats(choices * c.hiddenSize),
    dgateUp: floats(2 * width),
    dactivation: floats(width),
    drouting: floats(choices),
    drouterLogits: floats(c.numExperts),
    dattention: floats(c.numAttentionHeads * c.headDim),
    dots: floats(c.numAttentionHeads),
    dqkv: floats(qkvWidth(c)),
    dtarget: 4 * targets * c.hiddenSize,
    normParts: Math.max(rmsNormParts(rows, c.hiddenSize), qkNormParts(rows, c.headDim)),
  };
}

/** Backward buffers, which a frozen model does without. */
const BACKWARD = /^d[a-zA-Z]+$|^normParts$|^coefficients$|Order$|Segments$/;

/** Bytes of all buffers of a pass, by what they are for. */
export function activationBytes(
  c: ModelConfig,
  sizes: TrainSizes,
  { recompute, frozen = false }: { recompute: boolean; frozen?: boolean },
): number {
  const { x, segments, ...rest } = layerBytes(c, sizes);
  const kept = sum(Object.values(rest));
  const shared = Object.entries(passBytes(c, sizes)).filter(([name]) =>
    !frozen || !BACKWARD.test(name)
  );
  const layers = c.numHiddenLayers;
  return layers * (x + segments) + (recompute || frozen ? 1 : layers) * kept +
    sum(shared.map(([, bytes]) => bytes));
}

/** Makes the buffers: with `recompute` all layers use one set beside each its own input. */
export function makeActivations(
  pool: BufferPool,
  c: ModelConfig,
  { recompute, frozen, ...sizes }: TrainSizes & { recompute: boolean; frozen: boolean },
): { layers: readonly LayerBuffers[]; pass: PassBuffers } {
  const { x, segments, ...rest } = layerBytes(c, sizes);
  const set = (label: string) =>
    Object.fromEntries(
      Object.entries(rest).map(([name, bytes]) => [name, pool.empty(`${label}.${name}`, bytes)]),
    );
  const one = recompute || frozen ? set("layers") : undefined;
  const layers = Array.from({ length: c.numHiddenLayers }, (_, n) => {
    const own = {
      x: pool.empty(`layers.${n}.x`, x),
      segments: pool.empty(`layers.${n}.segments`, segments), // read back after the pass
    };
    return { ...own, ...(one ?? set(`layers.${n}`)) } as LayerBuffers;
  });
  const pass = Object.fromEntries(
    Object.entries(passBytes(c, sizes))
      .filter(([name]) => !frozen || !BACKWARD.test(name))
      .map(([name, bytes]) => [name, pool.empty(name, bytes)]),
  ) as PassBuffers;
  return { layers, pass };
}

/** Channels of q, k and v together. */
function qkvWidth({ numAttentionHeads, numKeyValueHeads, headDim }: ModelConfig): number {
  return (numAttentionHeads + 2 * numKeyValueHeads) * headDim;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
