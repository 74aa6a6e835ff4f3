/** How far a run is, and how long the rest will take. */
import { sizesOf } from "./plan.ts";
import type { Phase, Recipe } from "./recipe.ts";

/** How far a run is. */
export interface RunProgress {
  /** Steps done. */
  readonly step: number;
  /** Steps of the whole run. */
  readonly steps: number;
  /** Name of the phase. */
  readonly phase: string;
  /** Of the newest step. */
  readonly loss: number;
  /** Tokens of packed rows, over the latest steps. */
  readonly tokensPerSecond: number;
  /** Of the whole run, at the latest steps' rate. */
  readonly secondsLeft: number;
}

/** Steps whose times tell the rate. */
const RATE_STEPS = 20;

/** The pace of the latest steps: by it the passes' rows that are still to come take the time left. */
export class Pace {
  readonly #latest: { seconds: number; tokens: number; cost: number }[] = [];

  constructor(readonly recipe: Recipe) {}

  /** Steps of the whole run. */
  get steps(): number {
    return this.recipe.phases.reduce((sum, { steps }) => sum + steps, 0);
  }

  /** Counts a step. */
  add({ phase, seconds, tokens }: { phase: Phase; seconds: number; tokens: number }): void {
    this.#latest.push({ seconds, tokens, cost: costOf(this.recipe, phase) });
    if (this.#latest.length > RATE_STEPS) this.#latest.shift();
  }

  /** Behind step `step`. */
  at(step: number): Pick<RunProgress, "tokensPerSecond" | "secondsLeft"> {
    const sum = (of: "seconds" | "tokens" | "cost") =>
      this.#latest.reduce((total, one) => total + one[of], 0);
    let first = 0;
    let left = 0;
    for (const phase of this.recipe.phases) {
      const end = first + phase.steps;
      left += Math.max(0, end - Math.max(first, step)) * costOf(this.recipe, phase);
      first = end;
    }
    return {
      tokensPerSecond: sum("tokens") / sum("seconds"),
      secondsLeft: left * sum("seconds") / sum("cost"),
    };
  }
}

/** Rows of the passes of a step, all streams counted. */
function costOf(recipe: Recipe, phase: Phase): number {
  return sizesOf(recipe, [{ ...phase, micro_batch: phase.batch }]).rows;
}
