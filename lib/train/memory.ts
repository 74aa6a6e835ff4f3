/** Bytes that training takes on the device, known before anything is made. */
import type { DeviceMemory } from "../gpu/memory.ts";
import type { ModelConfig } from "../model/config.ts";
import { activationBytes, type TrainSizes } from "./activations.ts";
import { trainedCount } from "./parameters.ts";
import { sizesOf } from "./plan.ts";
import type { Recipe } from "./recipe.ts";

/** Bytes of a trainer, by what they are for. */
export interface TrainerBytes {
  /** Float32 weights. */
  readonly weights: number;
  /** As many as weights. */
  readonly gradients: number;
  /** AdamW's two. */
  readonly moments: number;
  /** Buffers of the largest pass. */
  readonly activations: number;
}

/** Bytes of a trainer; a `frozen` one has neither gradients nor moments. */
export function trainerBytes(
  config: ModelConfig,
  sizes: TrainSizes,
  { frozen = false, recompute }: { frozen?: boolean; recompute: boolean },
): TrainerBytes {
  const weights = 4 * trainedCount(config);
  return {
    weights,
    gradients: frozen ? 0 : weights,
    moments: frozen ? 0 : 2 * weights,
    activations: activationBytes(config, sizes, { recompute, frozen }),
  };
}

/** Bytes in all. */
export function totalBytes({ weights, gradients, moments, activations }: TrainerBytes): number {
  return weights + gradients + moments + activations;
}

/** Bytes of a whole run. */
export interface RunBytes extends TrainerBytes {
  /** Of DPO's frozen model. */
  readonly reference: number;
  readonly total: number;
  /** Activations of a layer are computed again in the backward pass: all of them would not fit. */
  readonly recompute: boolean;
}

/** What a run takes, on a device with this memory or on one that has enough. */
export function runBytes(
  recipe: Recipe,
  config: ModelConfig,
  { memory }: { memory?: DeviceMemory } = {},
): RunBytes {
  const sizes = sizesOf(recipe, recipe.phases);
  const reference = referenceBytes(recipe, config);
  const of = (recompute: boolean): RunBytes => {
    const bytes = trainerBytes(config, sizes, { recompute });
    return { ...bytes, reference, total: totalBytes(bytes) + reference, recompute };
  };
  const kept = of(false);
  return memory && !memory.hasRoom(kept.total) ? of(true) : kept;
}

/** Bytes of the frozen model that DPO's phases are measured against; 0 without such a phase. */
export function referenceBytes(recipe: Recipe, config: ModelConfig): number {
  const dpo = recipe.phases.filter(({ objective }) => objective === "dpo");
  if (dpo.length === 0) return 0;
  const sizes = sizesOf(recipe, dpo);
  return totalBytes(trainerBytes(config, sizes, { frozen: true, recompute: false }));
}
