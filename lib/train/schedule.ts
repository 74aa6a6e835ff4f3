/** Learning rates over the steps of a phase. */

/** How the learning rate goes on after its warm-up. */
export const SCHEDULES = ["constant", "cosine", "linear", "wsd"] as const;

/** Settings of a schedule; ratios are shares of the steps. Names as in dFactory's YAML (spec 8.10). */
export interface ScheduleOptions {
  /** How the rate goes on after the warm-up. */
  readonly schedule: typeof SCHEDULES[number];
  /** Steps of the phase. */
  readonly steps: number;
  /** Highest learning rate. */
  readonly lr: number;
  /** Where the linear warm-up starts. */
  readonly lr_start: number;
  /** Where the decay ends. */
  readonly lr_min: number;
  /** The warm-up takes floor(steps * ratio) steps. */
  readonly lr_warmup_ratio: number;
  /** wsd: the rate stays at its highest until here. */
  readonly lr_stable_ratio: number;
  /** cosine, linear, wsd: the rate reaches its lowest here, and stays. */
  readonly lr_decay_ratio: number;
}

/**
 * Learning rate of a step, from 0: linear from lr_start to lr over the warm-up (spec 8.7), then
 * constant; or to lr_min along half a cosine or a line; or, warm-up-stable-decay, constant and then
 * a line to lr_min.
 */
export function learningRate(step: number, options: ScheduleOptions): number {
  const { schedule, steps, lr, lr_start, lr_min } = options;
  const at = (ratio: number) => Math.floor(steps * ratio);
  const warm = at(options.lr_warmup_ratio);
  if (step < warm) return lr_start + (lr - lr_start) * (step / warm);
  if (schedule === "constant") return lr;
  const from = schedule === "wsd" ? Math.max(warm, at(options.lr_stable_ratio)) : warm;
  const to = at(options.lr_decay_ratio);
  if (step < from) return lr;
  if (step >= to) return lr_min;
  const gone = (step - from) / (to - from);
  const left = schedule === "cosine" ? (1 + Math.cos(Math.PI * gone)) / 2 : 1 - gone;
  return lr_min + (lr - lr_min) * left;
}
