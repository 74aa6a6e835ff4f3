/** Intervals for scores. */
import { MersenneTwister } from "./python_random.ts";
import type { Mean, PartScore } from "./task.ts";

/** z of a two-sided 95% interval. */
const Z95 = 1.959963984540054;

/** Resamples of a bootstrap. */
const RESAMPLES = 1000;

/** Wilson's 95% interval of a share of `n` items. */
export function wilson(share: number, n: number): [number, number] {
  const z2 = Z95 * Z95;
  const centre = (share + z2 / (2 * n)) / (1 + z2 / n);
  const half = Z95 / (1 + z2 / n) * Math.sqrt(share * (1 - share) / n + z2 / (4 * n * n));
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
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
  const entries = [...parts];
  const weigh = (weight: (name: string, part: PartScore) => number) => {
    const total = entries.reduce((sum, [name, part]) => sum + weight(name, part), 0);
    return entries.reduce((sum, [name, part]) => sum + weight(name, part) * part.score, 0) / total;
  };
  if (mean === "items") return weigh((_, { items }) => items);
  if (mean === "macro") return weigh(() => 1);
  if (mean === "harmonic") {
    return entries.length / entries.reduce((sum, [, { score }]) => sum + 1 / score, 0);
  }
  return weigh((name) => mean.weights[name] ?? 0);
}

/** 95% interval of a combined score: items are drawn again within their parts. */
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
