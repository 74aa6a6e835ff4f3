/** How fast this device trains, from steps that are timed and thrown away. */
import { feed, take } from "./feed.ts";
import { passesOf, runPasses } from "./passes.ts";
import { planOf } from "./plan.ts";
import type { Phase } from "./recipe.ts";
import { type RunSetting, type RunTrainer, stepOptions } from "./run.ts";

/**
 * Operations a second of this device in a phase: of its second step, since the first compiles and warms up. The
 * trainer is changed by it.
 */
export async function measureRate(
  { recipe, source, encoder, ids, config }: Omit<RunSetting, "openTrainer">,
  { phase, trainer }: { phase: Phase; trainer: RunTrainer },
): Promise<number> {
  const units = feed({ recipe, phase, encoder, source: source(phase, "train")! });
  let seconds = 0;
  for (let step = 0; step < 2; step++) {
    const passes = passesOf(await take(units, phase.batch), {
      phase,
      ids,
      key: { seed: recipe.seed, step },
    });
    const started = performance.now();
    await runPasses(passes, { trainer, phase });
    await trainer.step(stepOptions(phase, 0));
    seconds = (performance.now() - started) / 1000;
  }
  await units.return(undefined);
  const { flops, steps } = planOf(recipe, config)[recipe.phases.indexOf(phase)];
  return flops / steps / seconds;
}
