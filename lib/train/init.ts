/**
 * Weights to begin with. Matrices are normal with standard deviation 0.02 (`initializer_range` of the
 * published configurations), token embeddings with that or one of their own; what writes into the residual
 * stream has one smaller by sqrt(2 layers), so that the stream does not grow with depth (GPT-2, section 2.3).
 * Norms are 1, `expert_bias` is 0.
 */
import { fnv1a } from "../hash.ts";
import type { ModelConfig } from "../model/config.ts";
import { Draws } from "./random.ts";

/** What decides the first weights beside the configuration. */
export interface InitOptions {
  /** The run's. */
  readonly seed: number;
  /** Standard deviation of matrices. */
  readonly range?: number;
  /** That of token embeddings; the same by default. */
  readonly embeddingRange?: number;
}

/** Where tensors come from, by canonical name (lib/model/tensors.ts, `expectedTensors`). */
export interface TensorSource {
  /** The values of a tensor of this shape, row after row. */
  values(name: string, shape: readonly number[]): Promise<Float32Array>;
}

const RANGE = 0.02;

/** Where the residual stream starts. */
const EMBEDDINGS = "model.word_embeddings.weight";

/** Matrices whose product is added to the residual stream. */
const RESIDUAL = /\.(attention\.dense|down_proj)\.weight$/;

/** Random tensors; each depends on its name, its shape and the seed alone. */
export function initialTensors(
  { numHiddenLayers }: ModelConfig,
  { seed, range = RANGE, embeddingRange = range }: InitOptions,
): TensorSource {
  return {
    values(name, shape) {
      const values = new Float32Array(shape.reduce((product, n) => product * n, 1));
      if (shape.length === 1) {
        return Promise.resolve(values.fill(name.endsWith(".expert_bias") ? 0 : 1));
      }
      const scale = RESIDUAL.test(name) ? 1 / Math.sqrt(2 * numHiddenLayers) : 1;
      fillNormal(values, {
        draws: new Draws({ seed, use: "init", row: fnv1a(name) }),
        deviation: name === EMBEDDINGS ? embeddingRange : range * scale,
      });
      return Promise.resolve(values);
    },
  };
}

/** Words that make one number: twelve halves of 16 bits. */
const WORDS = 6;

/**
 * The sum of twelve uniform numbers has the variance of one, a density within 2% of the normal one up to two
 * deviations, and ends at six. Unlike logarithm and cosine, whole numbers add up alike on every machine.
 */
function fillNormal(
  values: Float32Array,
  { draws, deviation }: { draws: Draws; deviation: number },
): void {
  const scale = deviation / 2 ** 16;
  for (let i = 0; i < values.length; i++) {
    let sum = -12 * 32767.5;
    for (let k = 0; k < WORDS; k++) {
      const word = draws.uint32(i * WORDS + k);
      sum += (word & 0xffff) + (word >>> 16);
    }
    values[i] = sum * scale;
  }
}
