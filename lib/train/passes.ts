/** One optimizer step in passes: rows with their noise, the objective, gradients that add up to the batch's. */
import type { Unit } from "./feed.ts";
import { embeddingNoise, type NoiseKey, noisyCopies } from "./noise.ts";
import {
  meanObjective,
  type Objective,
  preferenceObjective,
  type PreferencePair,
  scaled,
  type TargetStats,
  weightedObjective,
  withConfidence,
} from "./objectives.ts";
import type { Phase } from "./recipe.ts";
import { buildBatch, type NoisyCopy, type TrainBatch } from "./streams.ts";

/** Ids that noise is made of. */
export interface NoiseIds {
  /** Id of the mask token. */
  readonly mask: number;
  /** Wrong tokens are drawn from these ids. */
  readonly ordinary: readonly [from: number, to: number];
}

/** A pass of a step, and what its objective needs to know. */
export interface Pass {
  readonly batch: TrainBatch;
  /** What the step's loss is a mean over: targets, maskable tokens (1/t) or pairs. */
  readonly weight: number;
  readonly pairs: readonly PreferencePair[];
  /** Added to the embeddings. */
  readonly noise?: Float32Array<ArrayBuffer>;
}

/** Draws of a step: of the run's seed and the step's number. */
export type StepKey = Pick<NoiseKey, "seed" | "step">;

/** Options of `passesOf`. */
export interface PassOptions {
  readonly phase: Phase;
  readonly key: StepKey;
  readonly ids: NoiseIds;
  /** Noise on masked embeddings is due. */
  readonly embedding?: { readonly hidden: number };
}

/** The passes of a step over `units`, `micro_batch` at a time. */
export function passesOf(units: readonly Unit[], options: PassOptions): Pass[] {
  const { micro_batch } = options.phase;
  const passes: Pass[] = [];
  for (let from = 0; from < units.length; from += micro_batch) {
    passes.push(passOf(units.slice(from, from + micro_batch), { ...options, from }));
  }
  return passes;
}

function passOf(units: readonly Unit[], options: PassOptions & { from: number }): Pass {
  const { phase, key, ids, embedding, from } = options;
  const { block, document_mask, same_token_labels } = phase;
  const rows = units.flatMap((unit) => unit.rows);
  const first = from * (units[0]?.rows.length ?? 1);
  const copies: NoisyCopy[] = [];
  /** Numbers of each row's copies. */
  const copiesOf = rows.map((row, number) => {
    if (block === "causal") return [];
    const made = noisyCopies(row, number, {
      ...noiseOf(phase, row.tokens.length),
      ...ids,
      key: { ...key, row: first + number },
    });
    copies.push(...made);
    return made.map((_, at) => copies.length - made.length + at);
  });
  const batch = buildBatch(rows, copies, {
    block,
    documentMask: document_mask,
    shifted: !same_token_labels,
    mask: ids.mask,
  });
  const pairs = phase.objective === "dpo"
    ? units.map((_, at) => ({ chosen: copiesOf[2 * at], rejected: copiesOf[2 * at + 1] }))
    : [];
  const noise = embedding && embeddingNoise(batch, {
    sigma: phase.embedding_noise,
    hidden: embedding.hidden,
    key: { ...key, row: first },
  });
  const weight = pairs.length > 0
    ? pairs.length
    : phase.weighting === "1/t"
    ? maskable(rows) * (phase.complementary ? 2 : 1)
    : batch.labels.length;
  return { batch, weight, pairs, noise: noise as Float32Array<ArrayBuffer> | undefined };
}

function noiseOf({ bandwidth, ratio_per, block, complementary, t2t }: Phase, length: number) {
  const ratioBlock = ratio_per === "block" && typeof block === "number" ? block : length;
  return { bandwidth, ratioBlock, complementary, t2t };
}

function maskable(rows: readonly { maskable: Uint8Array }[]): number {
  return rows.reduce((sum, row) => sum + row.maskable.reduce((a, b) => a + b, 0), 0);
}

/** What computes losses: a trainer, or the frozen reference of DPO. */
export interface Forward {
  /** Statistics of each target; `noise` [T, H] is added to the embeddings. */
  forward(
    batch: TrainBatch,
    options?: { noise?: Float32Array<ArrayBuffer> },
  ): Promise<TargetStats>;
}

/** A trainer in a step. */
export interface Backward extends Forward {
  /** Adds the gradient of the last forward pass: [M, 2] as `Objective.coefficients`. */
  backward(coefficients: Float32Array<ArrayBuffer>): Promise<void> | void;
}

/** Losses and counts of a step. */
export interface StepLoss {
  readonly loss: number;
  readonly parts: Readonly<Record<string, number>>;
  readonly targets: number;
}

/**
 * Runs the passes and, unless it is only to `measure`, adds the gradient of their common loss. With `reference`
 * the objective is DPO's.
 */
export async function runPasses(
  passes: readonly Pass[],
  { trainer, phase, reference, measure = false }: {
    readonly trainer: Backward;
    readonly phase: Phase;
    readonly reference?: Forward;
    /** The loss alone: no gradient, no confidence loss. */
    readonly measure?: boolean;
  },
): Promise<StepLoss> {
  const weight = passes.reduce((sum, pass) => sum + pass.weight, 0);
  const parts: Record<string, number> = {};
  let loss = 0;
  let targets = 0;
  for (const pass of passes) {
    const { batch, noise } = pass;
    const empty = batch.labels.length === 0; // no token was drawn to be noisy
    if (empty && !reference) continue; // of preferences it is an undecided part: ln 2
    const other = empty ? reference && NO_TARGETS : await reference?.forward(batch);
    const stats = empty ? NO_TARGETS : await trainer.forward(batch, { noise });
    const own = objectiveOf(pass, { phase, stats, reference: other, measure });
    const share = pass.weight / weight;
    const part = scaled(own, share);
    loss += part.loss;
    targets += batch.labels.length;
    for (const [name, value] of Object.entries(own.parts)) {
      parts[name] = (parts[name] ?? 0) + value * share;
    }
    if (!measure && !empty) await trainer.backward(part.coefficients as Float32Array<ArrayBuffer>);
  }
  return { loss, parts, targets };
}

const NO_TARGETS: TargetStats = {
  crossEntropy: new Float32Array(),
  entropy: new Float32Array(),
  argmax: new Uint32Array(),
};

function objectiveOf(
  { batch, weight, pairs }: Pass,
  { phase, stats, reference, measure }: {
    phase: Phase;
    stats: TargetStats;
    reference?: TargetStats;
    measure: boolean;
  },
): Objective {
  if (reference) {
    return preferenceObjective(batch, { policy: stats, reference, pairs, beta: phase.beta });
  }
  const objective = phase.weighting === "1/t"
    ? weightedObjective(batch, { stats, allowed: weight })
    : meanObjective(batch, stats);
  const { cap } = phase;
  return cap > 0 && !measure ? withConfidence(objective, { batch, stats, beta: cap }) : objective;
}
