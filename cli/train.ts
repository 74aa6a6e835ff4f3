import { dirname } from "node:path";
import { timeLeft } from "../lib/eval/progress.ts";
import { parameterCount } from "../lib/model/config.ts";
import { isWritten } from "../lib/quant/write.ts";
import { Session } from "../lib/session.ts";
import { runBytes } from "../lib/train/memory.ts";
import { bestCheckpoints, merge } from "../lib/train/merge.ts";
import { readRecipe, type Recipe } from "../lib/train/recipe.ts";
import { type RunResult, train } from "../lib/train/run.ts";
import { type OpenedSetting, openSetting } from "../lib/train/setting.ts";
import { openTrainer } from "../lib/train/trainer.ts";
import type { Command, Context } from "./command.ts";
import { corpusExamples } from "./corpus.ts";
import { factLines } from "./facts.ts";
import { MODEL_FLAGS, sessionOptions } from "./flags.ts";
import { usage } from "./parse.ts";
import { trainExport } from "./train_export.ts";
import { sizesByPart, trainPlan } from "./train_plan.ts";

/** `unmask train`: a recipe's stages, from the first step or from where they were left. */
const command: Command = {
  summary: "Train a model by a recipe",
  arguments: "RECIPE",
  description:
    "A recipe names a model to start from, data, and stages (docs/recipe.md). A run that was stopped goes on\nwhen it is started again, to the same bits; Ctrl-C stops it behind the step in hand. Its folder has\nmetrics.jsonl, curves.html, checkpoints that load like any model, and at the end the model itself.",
  examples: [
    "unmask train recipe.json --output run",
    "unmask train recipe.json --dry-run",
    "unmask train recipe.json --export dfactory --output export && cat export/train.yaml",
  ],
  flags: {
    output: {
      type: "string",
      value: "DIR",
      help: 'folder of the run (default "run" beside the recipe), or of --export (needed)',
    },
    "dry-run": {
      type: "boolean",
      help: "only say what it takes: parameters, memory, tokens, time",
    },
    export: {
      type: "string",
      choices: ["dfactory"],
      help: "write a fine-tuning stage for the authors' distributed trainer instead",
    },
    stage: {
      type: "string",
      value: "NAME",
      help: "of --export, the stage (default the last that it can be)",
    },
    adapter: MODEL_FLAGS.adapter,
    engine: MODEL_FLAGS.engine,
    json: { type: "boolean", help: "of --dry-run, one JSON object" },
  },
  conflicts: [["dry-run", "export"], ["dry-run", "output"]],
  requires: [["stage", "export"], ["json", "dry-run"]],
  async run(context) {
    const { args: [file, ...more], flags } = context;
    if (file === undefined || more.length > 0) {
      throw usage(
        `Cannot train: ${
          file === undefined ? "no recipe is" : "several recipes are"
        } named, expected one file`,
      );
    }
    const recipe = await readRecipe(file);
    const setting = await openSetting(recipe, {
      cacheDir: context.cacheDir,
      corpus: corpusExamples,
    });
    const session = new Session(sessionOptions(context));
    try {
      const found = flags["dry-run"]
        ? await trainPlan(context, setting, session)
        : flags.export
        ? await trainExport(context, setting)
        : await run(context, setting, { session, dir: outputOf(context) });
      context.progress("");
      if (found === undefined) return;
      const text = flags["dry-run"] && !flags.json
        ? factLines(found).join("\n")
        : JSON.stringify(found);
      await context.print(`${text}\n`);
    } finally {
      await session.close();
      setting.close();
    }
  },
};
export default command;

function outputOf({ args: [file], flags }: Context): string {
  return flags.output as string | undefined ?? `${dirname(file)}/run`;
}

async function run(
  context: Context,
  setting: OpenedSetting,
  { session, dir }: { session: Session; dir: string },
): Promise<Record<string, unknown>> {
  const { recipe, config } = setting;
  const gpu = await session.gpu();
  const { total, ...parts } = sizesByPart(runBytes(recipe, config, gpu));
  const count = (parameterCount(config) / 1e6).toPrecision(3);
  const each = Object.entries(parts).map(([part, size]) => `${part} ${size}`).join(", ");
  context.notice(`training ${count}M parameters in ${total}: ${each}`);
  const onDevice = {
    ...setting,
    openTrainer: (options: Parameters<typeof openTrainer>[2]) => openTrainer(gpu, config, options),
  };
  const result = await train(onDevice, {
    dir,
    signal: context.signal,
    notice: context.notice,
    progress: ({ step, steps, phase, loss, tokensPerSecond, secondsLeft }) =>
      context.progress(
        `${phase} ${step}/${steps}, ${timeLeft(secondsLeft)} left, loss ${loss.toFixed(4)}, ${
          Math.round(tokensPerSecond)
        } tokens/s`,
      ),
  });
  const model = result.complete ? await finish(context, recipe, { dir, result }) : null;
  return { output: dir, ...result, model };
}

/** The model of a complete run: the mean of its last phase's best checkpoints, or the last one; null if stopped. */
async function finish(
  context: Context,
  recipe: Recipe,
  { dir, result }: { dir: string; result: RunResult },
): Promise<string | null> {
  const model = `${dir}/model`;
  if (await isWritten(model)) return model;
  const { notice, signal } = context;
  const phase = recipe.phases.at(-1)!.name;
  const count = recipe.merge?.best ?? 0;
  const best = count > 0 ? await bestCheckpoints(dir, { count, phase, notice }) : [];
  if (best.length < count) {
    notice(`${best.length} checkpoints of phase "${phase}" have a validation loss, not ${count}`);
  }
  const dirs = best.length > 0 ? best.map((checkpoint) => checkpoint.dir) : [result.checkpoint!];
  return await merge(dirs, { dir: model, dtype: "f32", signal }) === undefined ? null : model;
}
