/** `unmask train --export dfactory`: a fine-tuning stage for the authors' distributed trainer. */
import { Refusal } from "../lib/refusal.ts";
import { exportDfactory } from "../lib/train/dfactory.ts";
import type { Phase, Recipe } from "../lib/train/recipe.ts";
import type { OpenedSetting } from "../lib/train/setting.ts";
import type { Context } from "./command.ts";
import { usage } from "./parse.ts";

/** Writes the stage: fine-tuning with blocks, which is what dFactory has. Undefined when stopped. */
export async function trainExport(
  context: Context,
  setting: OpenedSetting,
): Promise<Record<string, unknown> | undefined> {
  const dir = context.flags.output as string | undefined;
  if (dir === undefined) throw usage("Cannot export: --output is missing, expected a folder");
  const phase = exportedPhase(setting.recipe, context.flags.stage as string | undefined);
  const { block, rate, objective: _, stage: __, data: ___, ...settings } = phase;
  if (rate.schedule === "wsd") {
    throw new Refusal(
      `Cannot export stage "${phase.name}": schedule is "wsd", expected "constant", "cosine" or "linear"`,
    );
  }
  const lacking = lackingOf(phase, setting.recipe);
  if (lacking.length > 0) context.notice(`dFactory has no ${lacking.join(", no ")}: left out`);
  const written = await exportDfactory(dir, {
    model: {
      json: setting.files.config,
      config: setting.config,
      tensors: setting.tensors,
      tokenizer: setting.files.tokenizer,
      mask: setting.ids.mask,
    },
    stage: {
      ...settings,
      ...rate,
      schedule: rate.schedule,
      steps: phase.steps,
      length: setting.recipe.row_length,
      block: block as number,
      shifted: !phase.same_token_labels,
      seed: setting.recipe.seed,
    },
    examples: setting.source(phase, "train")!,
    signal: context.signal,
  });
  return written && { output: dir, stage: phase.name, ...written };
}

function exportedPhase({ phases }: Recipe, stage: string | undefined): Phase {
  const fits = ({ objective, block }: Phase) => objective === "sft" && typeof block === "number";
  const named = stage === undefined ? phases : phases.filter((phase) => phase.stage === stage);
  const phase = named.findLast(fits);
  if (phase) return phase;
  const what = stage === undefined ? "the recipe has no such stage" : `stage "${stage}" is none`;
  throw new Refusal(
    `Cannot export for dFactory: ${what}, expected objective "sft" with blocks of a size`,
  );
}

/** What a phase asks for that dFactory's open code does not have (spec/model.md sections 8.1 to 8.4, 8.7). */
function lackingOf(phase: Phase, recipe: Recipe): string[] {
  const { rate } = phase;
  return Object.entries({
    "complementary masks": phase.complementary,
    "1/t weights": phase.weighting === "1/t",
    "token-to-token noise": phase.t2t > 0,
    "mask ratio per block": phase.ratio_per === "block",
    "noise on embeddings": phase.embedding_noise > 0,
    "balancing of experts": phase.expert_bias_rate > 0,
    "several answers in a row": recipe.several_per_row,
    "schedule over several block sizes": rate.steps > phase.steps,
    // Its line ends at 0 with the last step, and its AdamW has the usual one.
    "other end of a linear decay": rate.schedule === "linear" &&
      (rate.lr_decay_ratio < 1 || rate.lr_min > 1e-7),
    "other eps": phase.eps !== 1e-8,
  }).filter(([, asked]) => asked).map(([name]) => name);
}
