/** `unmask train --dry-run`: what a run would take. */
import { timeLeft } from "../lib/eval/progress.ts";
import type { Gpu } from "../lib/gpu/device.ts";
import { sizeOf } from "../lib/gpu/memory.ts";
import { parameterCount } from "../lib/model/config.ts";
import { Refusal } from "../lib/refusal.ts";
import type { Session } from "../lib/session.ts";
import { type RunBytes, runBytes } from "../lib/train/memory.ts";
import { planOf, sizesOf } from "../lib/train/plan.ts";
import { measureRate } from "../lib/train/rate.ts";
import type { OpenedSetting } from "../lib/train/setting.ts";
import { openTrainer } from "../lib/train/trainer.ts";
import type { Context } from "./command.ts";

/** Parameters, memory, tokens and arithmetic; where there is a device, the time. */
export async function trainPlan(
  context: Context,
  setting: OpenedSetting,
  session: Session,
): Promise<Record<string, unknown>> {
  const { recipe, config } = setting;
  const sizes = sizesOf(recipe, recipe.phases);
  const phases = planOf(recipe, config);
  const total = (of: "tokens" | "flops" | "steps") =>
    phases.reduce((sum, phase) => sum + phase[of], 0);
  const gpu = await session.gpu().catch((error: unknown) => {
    if (error instanceof Refusal) return error;
    throw error;
  });
  const facts = {
    parameters: parameterCount(config),
    steps: total("steps"),
    tokens: total("tokens"),
    flops: total("flops"),
    ...gpu instanceof Refusal
      ? { time: `not estimated: ${gpu.message}` }
      : await estimate(context, setting, { gpu, flops: total("flops") }),
  };
  const memory = runBytes(recipe, config, gpu instanceof Refusal ? {} : gpu);
  if (context.flags.json) return { ...facts, passes: sizes, memory, phases };
  return {
    ...facts,
    "rows of a pass": sizes.rows,
    memory: sizesByPart(memory),
    phases: phases.map(({ name, objective, block, steps, tokens, flops }) =>
      `${name}: ${objective}, block ${block}, ${steps} steps, ${tokens} tokens, ${
        flops.toExponential(2)
      } operations`
    ),
  };
}

/** Memory by what it is for, in words; what a run does without is left out. */
export function sizesByPart({ recompute, ...parts }: RunBytes): Record<string, string> {
  return Object.fromEntries(
    Object.entries(parts).filter(([, bytes]) => bytes > 0).map(([part, bytes]) => {
      const how = part === "activations" && recompute ? " (a layer's, computed again)" : "";
      return [part, sizeOf(bytes) + how];
    }),
  );
}

/** The time by two steps of the phase with the most work. */
async function estimate(
  context: Context,
  setting: OpenedSetting,
  { gpu, flops }: { gpu: Gpu; flops: number },
): Promise<Record<string, unknown>> {
  const { recipe, config, tensors } = setting;
  const work = planOf(recipe, config).map((plan, index) => ({ ...plan, index }))
    .filter(({ objective }) => objective !== "dpo")
    .sort((a, b) => b.flops - a.flops);
  if (work.length === 0) return { time: "not estimated: every phase needs a reference model" };
  const phase = recipe.phases[work[0].index];
  context.progress("timing two steps");
  try {
    const trainer = await openTrainer(gpu, config, { ...sizesOf(recipe, [phase]), tensors });
    try {
      const rate = await measureRate(setting, { phase, trainer });
      return { "GFLOP/s": Number((rate / 1e9).toPrecision(3)), time: timeLeft(flops / rate) };
    } finally {
      trainer.destroy();
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { time: `not estimated: ${error.message}` };
  }
}
