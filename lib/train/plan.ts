/** What a run takes, known before it starts: rows of its passes, tokens, arithmetic. */
import type { ModelConfig } from "../model/config.ts";
import { expectedTensors } from "../model/tensors.ts";
import type { Unit } from "./feed.ts";
import type { Phase, Recipe } from "./recipe.ts";

/** Most rows and targets of a pass, and positions of a row. */
export interface PassSizes {
  /** Most rows of a pass, all streams counted. */
  readonly rows: number;
  /** Most targets of a pass. */
  readonly targets: number;
  /** Positions of a row. */
  readonly length: number;
}

/** Sizes that hold every pass of the phases. */
export function sizesOf({ row_length }: Recipe, phases: readonly Phase[]): PassSizes {
  const most = (of: (phase: Phase) => number) => Math.max(...phases.map(of));
  const tokens = (phase: Phase) =>
    phase.micro_batch * (phase.objective === "dpo" ? 2 : 1) * row_length;
  return {
    rows: most((phase) => tokens(phase) * streamsOf(phase)),
    targets: most(tokens),
    length: row_length,
  };
}

/** Streams of a row: the clean one where something sees it, and the noisy ones. */
function streamsOf({ block, complementary }: Phase): number {
  if (block === "causal") return 1;
  return (block === "row" ? 0 : 1) + (complementary ? 2 : 1);
}

/** Packed rows of some units. */
export function rowsOf(units: readonly Unit[]): number {
  return units.reduce((sum, { rows }) => sum + rows.length, 0);
}

/** One phase's share of a run. */
export interface PhasePlan {
  readonly name: string;
  readonly objective: string;
  readonly block: Phase["block"];
  readonly steps: number;
  /** Tokens of the packed rows. */
  readonly tokens: number;
  /** Floating-point operations, upper bound. */
  readonly flops: number;
}

/**
 * Tokens and arithmetic of each phase. A row of a pass takes 2 operations a weight that it meets in the forward
 * pass and 4 in the backward pass; targets alone meet the head. Attention is left out.
 */
export function planOf(recipe: Recipe, config: ModelConfig): PhasePlan[] {
  const { body, head } = activeWeights(config);
  return recipe.phases.map((phase) => {
    const { name, objective, block, steps, batch } = phase;
    const { rows, targets } = sizesOf(recipe, [{ ...phase, micro_batch: batch }]);
    // The frozen reference of DPO adds a forward pass.
    const each = objective === "dpo" ? 8 : 6;
    return {
      name,
      objective,
      block,
      steps,
      tokens: steps * batch * recipe.row_length * (objective === "dpo" ? 2 : 1),
      flops: steps * each * (rows * body + targets * head),
    };
  });
}

/** Weights of matrices that a row meets: all but those of the experts it does not choose. */
function activeWeights(config: ModelConfig): { body: number; head: number } {
  const share = config.numExpertsPerTok / config.numExperts;
  let body = 0;
  let head = 0;
  for (const [name, shape] of expectedTensors(config)) {
    if (shape.length !== 2 || name === "model.word_embeddings.weight") continue;
    const count = shape[0] * shape[1];
    if (name === "lm_head.weight") head += count;
    else body += name.includes(".mlp.experts.") ? count * share : count;
  }
  return { body, head };
}
