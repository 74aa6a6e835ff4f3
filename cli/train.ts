import { dirname } from "node:path";
import { timeLeft } from "../lib/eval/progress.ts";
import { sizeOf } from "../lib/gpu/memory.ts";
import { parameterCount } from "../lib/model/config.ts";
import { Refusal } from "../lib/refusal.ts";
import { Session } from "../lib/session.ts";
import { exportDfactory } from "../lib/train/dfactory.ts";
import { bestCheckpoints, merge } from "../lib/train/merge.ts";
import { planOf, sizesOf } from "../lib/train/plan.ts";
import { measureRate } from "../lib/train/rate.ts";
import { type Phase, readRecipe, type Recipe } from "../lib/train/recipe.ts";
import { type RunResult, type RunSetting, type RunTrainer, train } from "../lib/train/run.ts";
import { type OpenedSetting, openSetting } from "../lib/train/setting.ts";
import { openTrainer, totalBytes, type TrainerBytes, trainerBytes } from "../lib/train/trainer.ts";
import type { Command, Context } from "./command.ts";
import { corpusExamples } from "./corpus.ts";
import { factLines } from "./facts.ts";
import { MODEL_FLAGS, sessionOptions } from "./flags.ts";
import { usage } from "./parse.ts";

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
      help: 'folder of the run, or of the export (default "run" beside the recipe)',
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
        ? await plan(context, setting, session)
        : flags.export
        ? await exported(context, setting)
        : await run(context, setting, { session, dir: outputOf(context) });
      context.progress("");
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

/** The setting with trainers on the session's device. */
function onDevice(setting: OpenedSetting, session: Session): RunSetting {
  return {
    ...setting,
    openTrainer: async (options): Promise<RunTrainer> =>
      await openTrainer(await session.gpu(), setting.config, options),
  };
}

async function run(
  context: Context,
  setting: OpenedSetting,
  { session, dir }: { session: Session; dir: string },
): Promise<Record<string, unknown>> {
  const { weights, gradients, moments, activations, total } = memoryOf(setting);
  const parts = Object.entries({ weights, gradients, moments, activations })
    .map(([name, bytes]) => `${name} ${sizeOf(bytes)}`).join(", ");
  const count = (parameterCount(setting.config) / 1e6).toPrecision(3);
  context.notice(`training ${count}M parameters in ${sizeOf(total)}: ${parts}`);
  const result = await train(onDevice(setting, session), {
    dir,
    signal: context.signal,
    notice: context.notice,
    progress: ({ step, steps, phase, loss, tokensPerSecond, secondsLeft }) =>
      context.progress(
        `${phase} ${step}/${steps}, loss ${loss.toFixed(4)}, ${
          Math.round(tokensPerSecond)
        } tokens/s, ${timeLeft(secondsLeft)} left`,
      ),
  });
  const model = result.complete ? await finish(context, setting.recipe, { dir, result }) : null;
  return { output: dir, ...result, model };
}

/** The model of a complete run: the mean of the best checkpoints, or the last one. */
async function finish(
  context: Context,
  recipe: Recipe,
  { dir, result }: { dir: string; result: RunResult },
): Promise<string> {
  const model = `${dir}/model`;
  if (await Deno.stat(`${model}/model.safetensors`).then(() => true, () => false)) return model;
  const { notice } = context;
  const best = recipe.merge ? await bestCheckpoints(dir, { count: recipe.merge.best, notice }) : [];
  const dirs = best.length > 0 ? best.map((checkpoint) => checkpoint.dir) : [result.checkpoint!];
  await merge(dirs, { dir: model, dtype: "f32" });
  return model;
}

/** What a run would take; the time from two steps of the phase with the most work, where there is a device. */
async function plan(
  context: Context,
  setting: OpenedSetting,
  session: Session,
): Promise<Record<string, unknown>> {
  const { recipe, config } = setting;
  const sizes = sizesOf(recipe, recipe.phases);
  const phases = planOf(recipe, config);
  const total = (of: "tokens" | "flops" | "steps") =>
    phases.reduce((sum, phase) => sum + phase[of], 0);
  const memory = memoryOf(setting);
  const facts = {
    parameters: parameterCount(config),
    steps: total("steps"),
    tokens: total("tokens"),
    flops: total("flops"),
    ...await estimate(context, setting, { session, flops: total("flops") }),
  };
  if (context.flags.json) return { ...facts, passes: sizes, memory, phases };
  return {
    ...facts,
    "rows of a pass": sizes.rows,
    memory: Object.fromEntries(Object.entries(memory).map(([part, own]) => [part, sizeOf(own)])),
    phases: phases.map(({ name, objective, block, steps, tokens, flops }) =>
      `${name}: ${objective}, block ${block}, ${steps} steps, ${tokens} tokens, ${
        flops.toExponential(2)
      } operations`
    ),
  };
}

/** Bytes of a run on the device by what they are for, all activations kept. */
function memoryOf({ recipe, config }: OpenedSetting): TrainerBytes & Record<string, number> {
  const sizes = sizesOf(recipe, recipe.phases);
  const bytes = trainerBytes(config, sizes, { recompute: false });
  const dpo = recipe.phases.filter(({ objective }) => objective === "dpo");
  const reference = dpo.length === 0
    ? 0
    : totalBytes(trainerBytes(config, sizesOf(recipe, dpo), { frozen: true, recompute: false }));
  return { ...bytes, reference, total: totalBytes(bytes) + reference };
}

async function estimate(
  context: Context,
  setting: OpenedSetting,
  { session, flops }: { session: Session; flops: number },
): Promise<Record<string, unknown>> {
  const { recipe, config, tensors } = setting;
  const trained = planOf(recipe, config).map((plan, index) => ({
    flops: plan.flops,
    phase: recipe.phases[index],
  })).filter(({ phase }) => phase.objective !== "dpo");
  const [first] = trained.sort((a, b) => b.flops - a.flops);
  if (!first) return { time: "not estimated: every phase needs a reference model" };
  context.progress("timing two steps");
  let trainer: RunTrainer;
  try {
    const sizes = sizesOf(recipe, [first.phase]);
    trainer = await openTrainer(await session.gpu(), config, { ...sizes, tensors });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { time: `not estimated: ${error.message}` };
  }
  try {
    const rate = await measureRate(onDevice(setting, session), { phase: first.phase, trainer });
    return { "GFLOP/s": Number((rate / 1e9).toPrecision(3)), time: timeLeft(flops / rate) };
  } finally {
    trainer.destroy();
  }
}

/** Writes a stage for dFactory: fine-tuning with blocks, which is what it has. */
async function exported(context: Context, setting: OpenedSetting): Promise<unknown & object> {
  const dir = context.flags.output as string | undefined;
  if (dir === undefined) throw usage("Cannot export: --output is missing, expected a folder");
  const phase = exportedPhase(setting.recipe, context.flags.stage as string | undefined);
  const { block, rate, objective: _, stage: __, data: ___, ...settings } = phase;
  if (rate.schedule === "wsd") {
    throw new Refusal(
      `Cannot export stage "${phase.name}": schedule is "wsd", expected "constant", "cosine" or "linear"`,
    );
  }
  const lacking = lackingOf(phase);
  if (lacking.length > 0) context.notice(`dFactory has no ${lacking.join(", no ")}: left out`);
  const { records } = await exportDfactory(dir, {
    model: {
      json: setting.files.config,
      config: setting.config,
      tensors: setting.tensors,
      tokenizer: setting.files.tokenizer,
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
  });
  return { output: dir, stage: phase.name, records };
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

/** What a phase asks for that dFactory's open code does not have (spec/model.md sections 8.1 to 8.4). */
function lackingOf(phase: Phase): string[] {
  return Object.entries({
    "complementary masks": phase.complementary,
    "1/t weights": phase.weighting === "1/t",
    "token-to-token noise": phase.t2t > 0,
    "mask ratio per block": phase.ratio_per === "block",
    "noise on embeddings": phase.embedding_noise > 0,
    "balancing of experts": phase.expert_bias_rate > 0,
  }).filter(([, asked]) => asked).map(([name]) => name);
}
