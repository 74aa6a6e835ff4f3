/** Intervals for scores. */
import { MersenneTwister } from "./python_random.ts";
import type { Mean, PartScore } from "./task.ts";

/** z of a two-sided 95% interval. */
export const Z95 = 1.959963984540054;

/** Resamples of a bootstrap. */
const RESAMPLES = 1000;

/** Parts with fewer items than this hardly vary when they are drawn again. */
const MIN_PART = 5;

/** Wilson's 95% interval of a share of `n` items. */
export function wilson(share: number, n: number): [number, number] {
  const z2 = Z95 * Z95;
  const centre = (share + z2 / (2 * n)) / (1 + z2 / n);
  const half = Z95 / (1 + z2 / n) * Math.sqrt(share * (1 - share) / n + z2 / (4 * n * n));
  // The share is within: at 0 and 1 it is an end, which rounding may miss.
  return [Math.min(share, Math.max(0, centre - half)), Math.max(share, Math.min(1, centre + half))];
}

/** One part's item scores, with the items' weights where they differ. */
export interface Scores {
  readonly values: readonly number[];
  readonly weights?: readonly number[];
}

/** Mean of item scores. */
export function meanOf({ values, weights }: Scores): number {
  let sum = 0;
  let total = 0;
  for (const [i, value] of values.entries()) {
    const weight = weights?.[i] ?? 1;
    sum += weight * value;
    total += weight;
  }
  return sum / total;
}

/** The score that parts make together. */
export function combine(parts: ReadonlyMap<string, PartScore>, mean: Mean): number {
  if (typeof mean === "function") return mean(parts);
  const scores = [...parts.values()];
  const weights = weightsOf(Array.from(parts, ([name, { items }]) => ({ name, items })), mean);
  // Divided last: parts that are all 1 make 1.
  return scores.reduce((sum, { score }, i) => sum + weights[i] * score, 0) / total(weights);
}

/** What each part counts; by items where no part has a weight. */
function weightsOf(
  parts: readonly { readonly name: string; readonly items: number }[],
  mean: "items" | "macro" | { readonly weights: Readonly<Record<string, number>> },
): number[] {
  const own = parts.map(({ name, items }) =>
    mean === "items" ? items : mean === "macro" ? 1 : mean.weights[name] ?? 0
  );
  return total(own) > 0 ? own : weightsOf(parts, "items");
}

function total(weights: readonly number[]): number {
  return weights.reduce((sum, weight) => sum + weight, 0);
}

/**
 * 95% interval of a score. Items are drawn again within their parts (a bootstrap); a plain share of right
 * items gets Wilson's interval instead, and so does one whose parts are too small or too alike to be drawn
 * again: there `n` is the size of a plain sample that varies as much (Kish), which is on the safe side.
 */
export function intervalOf(
  parts: ReadonlyMap<string, Scores>,
  { score, mean, seed }: { score: number; mean: Mean; seed: string },
): [number, number] {
  const all = [...parts.values()];
  const values = all.flatMap(({ values }) => values);
  const binary = values.every((value) => value === 0 || value === 1);
  const alike = values.every((value) => value === values[0]);
  const plain = parts.size === 1 && all[0].weights === undefined;
  const small = all.some(({ values }) => values.length < MIN_PART);
  if (binary && (alike || plain || small)) return wilson(score, effectiveItems(parts, mean));
  if (!small || parts.size === 1) return bootstrap(parts, mean, seed);
  // Scores between right and wrong in small parts: as if all items were drawn from one.
  const pooled: Scores = all[0].weights
    ? { values, weights: all.flatMap(({ weights }) => weights!) }
    : { values };
  const shift = score - meanOf(pooled);
  const [low, high] = bootstrap(new Map([["", pooled]]), "items", seed);
  return [low + shift, high + shift];
}

/** Kish's effective sample size: 1 / the sum of squares of the items' shares in the score. */
function effectiveItems(parts: ReadonlyMap<string, Scores>, mean: Mean): number {
  const sizes = Array.from(parts, ([name, { values }]) => ({ name, items: values.length }));
  if (typeof mean === "function") return sizes.reduce((sum, { items }) => sum + items, 0);
  const counts = weightsOf(sizes, mean);
  const shares = counts.map((count) => count / total(counts));
  const squares = Array.from(parts.values(), ({ values, weights }, i) => {
    if (!weights) return shares[i] ** 2 / values.length;
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return shares[i] ** 2 * weights.reduce((sum, weight) => sum + (weight / total) ** 2, 0);
  });
  return 1 / squares.reduce((sum, square) => sum + square, 0);
}

/** Interval of a mean of independent scores, from theirs: distances to the ends add up squared (MOVER). */
export function intervalOfMean(
  scores: readonly { readonly score: number; readonly interval: readonly [number, number] }[],
): [number, number] {
  const mean = scores.reduce((sum, { score }) => sum + score, 0) / scores.length;
  const reach = (end: 0 | 1) =>
    Math.hypot(...scores.map(({ score, interval }) => score - interval[end])) / scores.length;
  return [mean - reach(0), mean + reach(1)];
}

/** 95% interval of a combined score: items are drawn again within their parts, 1000 times. */
export function bootstrap(
  parts: ReadonlyMap<string, Scores>,
  mean: Mean,
  seed: string,
): [number, number] {
  const generator = new MersenneTwister(Array.from(new TextEncoder().encode(seed)));
  const found = Array.from({ length: RESAMPLES }, () => {
    const drawn = new Map<string, PartScore>();
    for (const [name, { values, weights }] of parts) {
      let sum = 0;
      let total = 0;
      for (let i = 0; i < values.length; i++) {
        const at = Math.floor(generator.random() * values.length);
        const weight = weights?.[at] ?? 1;
        sum += weight * values[at];
        total += weight;
      }
      drawn.set(name, { score: sum / total, items: values.length });
    }
    return combine(drawn, mean);
  }).sort((a, b) => a - b);
  return [found[Math.floor(0.025 * RESAMPLES)], found[Math.ceil(0.975 * RESAMPLES) - 1]];
}
