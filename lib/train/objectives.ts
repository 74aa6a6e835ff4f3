/**
 * Losses of a pass from the statistics of its targets, and what the backward pass needs: the
 * gradient of the loss with respect to each target's cross-entropy and entropy. All in float64.
 */
import type { TrainBatch } from "./streams.ts";

/** Statistics of a pass's targets, in the order of its labels. */
export interface TargetStats {
  /** -ln p(label), nats [M]. */
  readonly crossEntropy: Float32Array;
  /** -sum p ln p, nats [M]. */
  readonly entropy: Float32Array;
  /** Most probable token [M]. */
  readonly argmax: Uint32Array;
}

/** A loss and its gradient. */
export interface Objective {
  /** Nats, as a mean. */
  readonly loss: number;
  /** Further figures of the step, by name. */
  readonly parts: Readonly<Record<string, number>>;
  /** [M, 2] d loss / d cross-entropy and d loss / d entropy of each target. */
  readonly coefficients: Float32Array<ArrayBuffer>;
}

/**
 * Mean cross-entropy of the targets: dFactory's loss (spec 8.3), plain AR's, and that of a
 * complementary pair, whose targets together are every allowed token once. With wrong tokens among
 * the noise (LLaDA2.1) the mean is over masked and corrupted positions together.
 */
export function meanObjective(batch: TrainBatch, stats: TargetStats): Objective {
  const { masked } = batch.targets;
  const count = masked.length;
  const all = stats.crossEntropy;
  const corrupted = all.filter((_, at) => !masked[at]);
  const parts: Record<string, number> = {};
  if (corrupted.length > 0 && corrupted.length < count) {
    parts.masked = mean(all.filter((_, at) => masked[at]));
    parts.corrupted = mean(corrupted);
  }
  return {
    loss: mean(all),
    parts: { ...parts, ...accuracy(batch, stats) },
    coefficients: coefficients(count, () => [1 / count, 0]),
  };
}

/**
 * Cross-entropy weighted by 1/t, as a mean over the `allowed` tokens (LLaDA2.0 eq. 1 and 5 for the
 * linear schedule): an estimate of the bound on -ln p of a token.
 */
export function weightedObjective(
  batch: TrainBatch,
  { stats, allowed }: { stats: TargetStats; allowed: number },
): Objective {
  const { t } = batch.targets;
  return {
    loss: sum(t.length, (at) => stats.crossEntropy[at] / t[at]) / allowed,
    parts: { unweighted: mean(stats.crossEntropy), ...accuracy(batch, stats) },
    coefficients: coefficients(t.length, (at) => [1 / (t[at] * allowed), 0]),
  };
}

/**
 * Adds CAP's confidence loss (LLaDA2.0 section 5.2): beta times the mean entropy of the targets
 * whose most probable token is the label; which those are gets no gradient.
 */
export function withConfidence(
  objective: Objective,
  { batch, stats, beta }: { batch: TrainBatch; stats: TargetStats; beta: number },
): Objective {
  const { labels } = batch;
  const correct = (at: number) => stats.argmax[at] === labels[at];
  const count = sum(labels.length, (at) => correct(at) ? 1 : 0);
  const total = sum(labels.length, (at) => correct(at) ? stats.entropy[at] : 0);
  const confidence = count > 0 ? total / count : 0;
  return {
    loss: objective.loss + beta * confidence,
    parts: { ...objective.parts, fit: objective.loss, confidence },
    coefficients: coefficients(labels.length, (at) => {
      return [objective.coefficients[2 * at], correct(at) ? beta / count : 0];
    }),
  };
}

/** A preference: the numbers of the noisy copies of either side. */
export interface PreferencePair {
  /** Copies of the better answer. */
  readonly chosen: readonly number[];
  /** Copies of the worse one. */
  readonly rejected: readonly number[];
}

/**
 * DPO on the block-diffusion bound (LLaDA2.0 section 5.3): B = -sum of cross-entropy / t over a
 * copy's targets, averaged over a side's copies; loss = mean of -ln sigmoid(beta ((B - B_ref) of
 * the chosen - (B - B_ref) of the rejected)). Both models see the same noise.
 */
export function preferenceObjective(
  batch: TrainBatch,
  { policy, reference, pairs, beta }: {
    policy: TargetStats;
    reference: TargetStats;
    pairs: readonly PreferencePair[];
    beta: number;
  },
): Objective {
  const { copy, t } = batch.targets;
  const copies = 1 +
    Math.max(-1, ...pairs.flatMap(({ chosen, rejected }) => [...chosen, ...rejected]));
  const gain = new Float64Array(copies); // B - B_ref of each copy
  for (let at = 0; at < t.length; at++) {
    gain[copy[at]] -= (policy.crossEntropy[at] - reference.crossEntropy[at]) / t[at];
  }
  const slope = new Float64Array(copies); // d loss / d gain
  const side = (numbers: readonly number[]) =>
    sum(numbers.length, (at) => gain[numbers[at]]) / numbers.length;
  let loss = 0;
  let preferred = 0;
  let margins = 0;
  for (const { chosen, rejected } of pairs) {
    const margin = beta * (side(chosen) - side(rejected));
    loss += softplus(-margin) / pairs.length;
    margins += margin / pairs.length;
    if (margin > 0) preferred += 1 / pairs.length;
    const pull = -beta / (1 + Math.exp(margin)) / pairs.length;
    for (const number of chosen) slope[number] += pull / chosen.length;
    for (const number of rejected) slope[number] -= pull / rejected.length;
  }
  return {
    loss,
    parts: { margin: margins, preferred },
    coefficients: coefficients(t.length, (at) => [-slope[copy[at]] / t[at], 0]),
  };
}

/**
 * A pass's part of a step of several passes: `share` is its share of what the loss is a mean over,
 * so that the passes' losses and gradients add up to those of one large pass; but for CAP's confidence, which is
 * a mean over each pass's right predictions, as in dFactory (spec 8.3 and 8.5).
 */
export function scaled({ loss, parts, coefficients }: Objective, share: number): Objective {
  return { loss: loss * share, parts, coefficients: coefficients.map((value) => value * share) };
}

/** Share of the targets whose most probable token is the label. */
function accuracy({ labels }: TrainBatch, { argmax }: TargetStats): { accuracy: number } {
  const right = sum(labels.length, (at) => argmax[at] === labels[at] ? 1 : 0);
  return { accuracy: labels.length > 0 ? right / labels.length : 0 };
}

function coefficients(
  count: number,
  of: (at: number) => [number, number],
): Float32Array<ArrayBuffer> {
  const values = new Float32Array(2 * count);
  for (let at = 0; at < count; at++) values.set(of(at), 2 * at);
  return values;
}

/** ln(1 + e^x), without overflow. */
function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

function sum(count: number, of: (at: number) => number): number {
  let total = 0;
  for (let at = 0; at < count; at++) total += of(at);
  return total;
}

/** Mean of the values; 0 of none. */
function mean(values: Float32Array): number {
  return values.length > 0 ? sum(values.length, (at) => values[at]) / values.length : 0;
}
