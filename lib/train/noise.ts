/** Noise of a training step: mask ratios, masks, wrong tokens, and noise on the mask's embedding. */
import { type DrawKey, Draws } from "./random.ts";
import type { NoisyCopy, PackedRow, TrainBatch } from "./streams.ts";

/** How the copies of a row are made. */
export interface NoiseOptions {
  /** t is uniform in [low, high); [0, 1] is the whole range (LLaDA2.0 section 5.1). */
  readonly bandwidth: readonly [low: number, high: number];
  /** Positions that share a t, a divisor of the row's length; the row's length for one t a row. */
  readonly ratioBlock: number;
  /** Also a copy with the inverse noise, so that every maskable token is a target exactly once. */
  readonly complementary?: boolean;
  /** Share of the noisy positions that get a wrong token instead of the mask (LLaDA2.1, T2T). */
  readonly t2t?: number;
  /** Id of the mask token. */
  readonly mask: number;
  /** Wrong tokens are drawn from these ids. */
  readonly ordinary: readonly [from: number, to: number];
}

/** The step and the row within it that noise is for. */
export type NoiseKey = Omit<Required<DrawKey>, "use">;

/**
 * Noisy copies of a packed row: each maskable position is noisy with probability t. `number` is the
 * row's place in the list given to `buildBatch`.
 */
export function noisyCopies(
  row: PackedRow,
  number: number,
  options: NoiseOptions & { readonly key: NoiseKey },
): NoisyCopy[] {
  const { key, ratioBlock, mask, ordinary, t2t = 0 } = options;
  const { tokens, maskable } = row;
  const t = maskRatios(tokens.length, options);
  const noise = new Draws({ ...key, use: "noise" });
  const noisy = maskable.map((may, position) =>
    may && noise.uniform(position) < t[position] ? 1 : 0
  );

  const kinds = new Draws({ ...key, use: "kind" });
  const wrong = new Draws({ ...key, use: "token" });
  const instead = (token: number, position: number) => {
    return kinds.uniform(position) < t2t
      ? otherToken(token, { ordinary, draw: (count) => wrong.below(position, count) })
      : mask;
  };
  const copy = (targets: Uint8Array, ratio: Float64Array): NoisyCopy => ({
    row: number,
    tokens: tokens.map((token, at) => targets[at] ? instead(token, at) : token),
    targets,
    t: ratioBlock === tokens.length ? ratio[0] : ratio,
  });
  const copies = [copy(noisy, t)];
  if (options.complementary) {
    copies.push(copy(complement(noisy, maskable), t.map((ratio) => 1 - ratio)));
  }
  return copies;
}

/** t of every position: t = low + u (high - low), one u for each `ratioBlock` positions. */
function maskRatios(
  length: number,
  { bandwidth: [low, high], ratioBlock, key }: NoiseOptions & { readonly key: NoiseKey },
): Float64Array {
  const draws = new Draws({ ...key, use: "ratio" });
  return Float64Array.from({ length }, (_, position) => {
    return low + draws.uniform(Math.floor(position / ratioBlock)) * (high - low);
  });
}

/** The maskable positions that are not targets. */
export function complement(targets: Uint8Array, maskable: Uint8Array): Uint8Array {
  return maskable.map((may, position) => may && !targets[position] ? 1 : 0);
}

/** A uniform draw of the ordinary ids [from, to) without `token`. */
function otherToken(
  token: number,
  { ordinary: [from, to], draw }: {
    ordinary: readonly [from: number, to: number];
    draw: (count: number) => number;
  },
): number {
  if (token < from || token >= to) return from + draw(to - from);
  const other = from + draw(to - from - 1);
  return other < token ? other : other + 1;
}

/**
 * Gaussian noise for the embeddings of masked rows [T, hidden], zero elsewhere (LLaDA2.0 section
 * 7.1: an autoregressive model never learned the mask's embedding).
 */
export function embeddingNoise(
  { count, masked }: TrainBatch,
  { sigma, hidden, key }: { sigma: number; hidden: number; key: NoiseKey },
): Float32Array {
  const draws = new Draws({ ...key, use: "embedding" });
  const noise = new Float32Array(count * hidden);
  for (const row of masked) {
    for (let at = row * hidden; at < (row + 1) * hidden; at++) noise[at] = sigma * draws.normal(at);
  }
  return noise;
}
