import assert from "@std/assert";
import { complement } from "../../../lib/train/noise.ts";
import {
  meanObjective,
  type Objective,
  preferenceObjective,
  scaled,
  type TargetStats,
  weightedObjective,
  withConfidence,
} from "../../../lib/train/objectives.ts";
import {
  buildBatch,
  type NoisyCopy,
  type PackedRow,
  type TrainBatch,
} from "../../../lib/train/streams.ts";
import { GOLDEN } from "../../fixtures.ts";

const golden = GOLDEN.training;
const MASK: number = GOLDEN.special_ids.mask;
const ROWS: PackedRow[] = golden.clean.map((tokens: number[], row: number) => ({
  tokens: Uint32Array.from(tokens),
  documents: Uint32Array.from(golden.doc[row]),
  maskable: Uint8Array.from(golden.allowed[row]),
}));
const COPIES: NoisyCopy[] = golden.mask.map((targets: number[], row: number) => ({
  row,
  tokens: Uint32Array.from(golden.noisy[row]),
  targets: Uint8Array.from(targets),
  t: golden.t[row],
}));
const OPTIONS = { block: golden.block, documentMask: true, mask: MASK };

/** Statistics of a pass, each as a function of the target's number. */
function statsOf(
  { labels }: TrainBatch,
  { ce, entropy = () => 0, correct = () => false }: {
    ce: (at: number) => number;
    entropy?: (at: number) => number;
    correct?: (at: number) => boolean;
  },
): TargetStats {
  return {
    crossEntropy: Float32Array.from(labels, (_, at) => ce(at)),
    entropy: Float32Array.from(labels, (_, at) => entropy(at)),
    argmax: labels.map((label, at) => correct(at) ? label : label + 1),
  };
}

/** golden.json has eight significant digits; statistics are float32. */
function near(actual: number, expected: number, tolerance = 1e-6) {
  assert(
    Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected)),
    `${actual}, expected ${expected}`,
  );
}

const batch = buildBatch(ROWS, COPIES, OPTIONS);
const ce: number[] = golden.ce_per_masked_token.flat();
const stats = statsOf(batch, {
  ce: (at) => ce[at],
  entropy: entropyAt,
  correct: (at) => entropyAt(at) > 0,
});

/** golden.json's entropy of a target, 0 where the argmax is wrong. */
function entropyAt(at: number): number {
  const { copy, position } = batch.targets;
  const place = golden.cap.correct_positions[copy[at]].indexOf(position[at]);
  return place < 0 ? 0 : golden.cap.entropies[copy[at]][place];
}

Deno.test("objectives: the batch of golden.json has its targets in its order", () => {
  assert.equal(batch.labels.length, golden.n_masked);
  assert.equal(ce.length, golden.n_masked);
});

Deno.test("objectives: golden.json's mean, 1/t and CAP losses", () => {
  const { losses, cap } = golden;
  near(meanObjective(batch, stats).loss, losses.bdlm_mean_over_masked);
  const weighted = (allowed: number) => weightedObjective(batch, { stats, allowed }).loss;
  near(weighted(1), losses.bdlm_weighted_sum_1_over_t);
  near(weighted(golden.n_allowed), losses.bdlm_weighted_mean_over_allowed);
  const total = withConfidence(meanObjective(batch, stats), { batch, stats, beta: cap.beta });
  near(total.parts.confidence, cap.confidence_loss);
  near(total.loss, cap.total_bdlm_plus_beta_conf);
});

Deno.test("objectives: golden.json's complementary pair mean", () => {
  const { complementary, losses } = golden;
  const inverse = COPIES.map((copy, row): NoisyCopy => {
    const targets = complement(copy.targets, ROWS[row].maskable);
    assert.deepEqual([...targets], complementary.mask[row]);
    const tokens = ROWS[row].tokens.map((token, at) => targets[at] ? MASK : token);
    return { row, tokens, targets, t: 1 - golden.t[row] };
  });
  const pair = buildBatch(ROWS, [...COPIES, ...inverse], OPTIONS);
  const second = (at: number) => pair.targets.copy[at] >= COPIES.length;
  assert.equal(pair.labels.filter((_, at) => second(at)).length, complementary.n_masked);
  assert.equal(pair.labels.length, golden.n_allowed);
  const means = statsOf(pair, {
    ce: (at) => second(at) ? complementary.bdlm_mean_over_masked : losses.bdlm_mean_over_masked,
  });
  near(meanObjective(pair, means).loss, complementary.pair_mean_over_all_masked);
});

Deno.test("objectives: wrong tokens and masks have means of their own", () => {
  const { clean, mask, t2t, noisy } = golden;
  const copies = COPIES.map((copy, row): NoisyCopy => ({
    ...copy,
    targets: Uint8Array.from(mask[row], (bit: number, at) => bit | t2t.corrupt[row][at]),
    tokens: Uint32Array.from(noisy[row], (token: number, at) => {
      return t2t.corrupt[row][at] ? (clean[row][at] + 7) % GOLDEN.special_ids.bos : token;
    }),
  }));
  const mixed = buildBatch(ROWS, copies, OPTIONS);
  const corrupted = t2t.corrupt.flat().reduce((sum: number, bit: number) => sum + bit, 0);
  const stats = statsOf(mixed, { ce: (at) => mixed.targets.masked[at] ? 2 : 3 });
  const { loss, parts } = meanObjective(mixed, stats);
  assert.deepEqual([parts.masked, parts.corrupted], [2, 3]);
  near(loss, (2 * golden.n_masked + 3 * corrupted) / (golden.n_masked + corrupted));
});

Deno.test("objectives: no target whose argmax is right gives no confidence loss", () => {
  const wrong = statsOf(batch, { ce: () => 1, entropy: () => 2 });
  const { loss, parts, coefficients } = withConfidence(meanObjective(batch, wrong), {
    batch,
    stats: wrong,
    beta: 2,
  });
  assert.deepEqual([loss, parts.confidence, parts.accuracy], [1, 0, 0]);
  assert(coefficients.every((value, at) => at % 2 === 0 || value === 0));
});

/** A preference pair of golden.json: two rows, one copy each, the same mask. */
function preferenceBatch(): TrainBatch {
  const { prompt, chosen, rejected, mask, t, block } = golden.dpo;
  const rows = [chosen, rejected].map((answer: number[]): PackedRow => ({
    tokens: Uint32Array.from([...prompt, ...answer]),
    documents: new Uint32Array(mask.length),
    maskable: Uint8Array.from(mask, (_: number, at) => at < prompt.length ? 0 : 1),
  }));
  const copies = rows.map(({ tokens }, row): NoisyCopy => ({
    row,
    tokens: tokens.map((token, at) => mask[at] ? MASK : token),
    targets: Uint8Array.from(mask),
    t,
  }));
  return buildBatch(rows, copies, { ...OPTIONS, block });
}

Deno.test("objectives: golden.json's DPO loss from its bounds", () => {
  const { dpo } = golden;
  const pair = preferenceBatch();
  const { copy } = pair.targets;
  const targets = copy.length / 2;
  // Cross-entropies that sum to the bound: B = -sum ce / t.
  const side = (chosen: number, rejected: number) => {
    return statsOf(pair, { ce: (at) => -(copy[at] === 0 ? chosen : rejected) * dpo.t / targets });
  };
  const { loss, parts } = preferenceObjective(pair, {
    policy: side(dpo.elbo_policy_chosen, dpo.elbo_policy_rejected),
    reference: side(dpo.elbo_reference_chosen, dpo.elbo_reference_rejected),
    pairs: [{ chosen: [0], rejected: [1] }],
    beta: dpo.beta,
  });
  near(loss, dpo.loss);
  assert.equal(parts.preferred, 1);
});

Deno.test("objectives: a large margin overflows neither the loss nor its gradient", () => {
  const pair = preferenceBatch();
  const { copy } = pair.targets;
  const reference = statsOf(pair, { ce: () => 1 });
  const cases = [{ chosen: 1e4, rejected: 0 }, { chosen: 0, rejected: 1e4 }];
  for (const { chosen, rejected } of cases) {
    const { loss, coefficients } = preferenceObjective(pair, {
      policy: statsOf(pair, { ce: (at) => copy[at] === 0 ? chosen : rejected }),
      reference,
      pairs: [{ chosen: [0], rejected: [1] }],
      beta: 0.1,
    });
    assert(Number.isFinite(loss) && loss >= 0);
    assert(coefficients.every(Number.isFinite));
  }
});

/** Coefficients of an objective are its slopes by central differences. */
function checkSlopes(stats: TargetStats, objective: (stats: TargetStats) => Objective) {
  const { coefficients } = objective(stats);
  const width = 2 ** -5; // exact in float32 beside the values
  for (let at = 0; at < coefficients.length; at++) {
    const moved = [-width, width].map((by) => {
      const copy = {
        ...stats,
        crossEntropy: stats.crossEntropy.slice(),
        entropy: stats.entropy.slice(),
      };
      (at % 2 === 0 ? copy.crossEntropy : copy.entropy)[at >> 1] += by;
      return objective(copy).loss;
    });
    const slope = (moved[1] - moved[0]) / (2 * width);
    assert(Math.abs(slope - coefficients[at]) < 1e-4 * Math.max(1, Math.abs(slope)), `at ${at}`);
  }
}

Deno.test("objectives: coefficients are the slopes of the losses", () => {
  const rounded = (values: Float32Array) => values.map((value) => Math.round(value * 64) / 64);
  const exact = {
    crossEntropy: rounded(stats.crossEntropy),
    entropy: rounded(stats.entropy),
    argmax: stats.argmax,
  };
  checkSlopes(exact, (stats) => meanObjective(batch, stats));
  checkSlopes(exact, (stats) => weightedObjective(batch, { stats, allowed: 50 }));
  checkSlopes(exact, (stats) => {
    return withConfidence(meanObjective(batch, stats), { batch, stats, beta: 2 });
  });
  checkSlopes(exact, (stats) => scaled(weightedObjective(batch, { stats, allowed: 50 }), 0.25));

  const pair = preferenceBatch();
  const reference = statsOf(pair, { ce: () => 1 });
  checkSlopes(statsOf(pair, { ce: (at) => 1 + (at % 4) / 4 }), (policy) => {
    const pairs = [{ chosen: [0], rejected: [1] }, { chosen: [0, 1], rejected: [1] }];
    return preferenceObjective(pair, { policy, reference, pairs, beta: 0.1 });
  });
});

Deno.test("objectives: the shares of two passes add up to one pass of both", () => {
  const whole = meanObjective(batch, stats);
  const parts = ROWS.map((row, at) => {
    const own = buildBatch([row], [{ ...COPIES[at], row: 0 }], OPTIONS);
    const first = at === 0 ? 0 : golden.ce_per_masked_token[0].length;
    const part = statsOf(own, { ce: (index) => ce[first + index] });
    return scaled(meanObjective(own, part), own.labels.length / golden.n_masked);
  });
  near(parts[0].loss + parts[1].loss, whole.loss);
  assert.deepEqual(parts.flatMap(({ coefficients }) => [...coefficients]), [...whole.coefficients]);
});
