/**
 * Edge: a training run, phase by phase. All that a step depends on is in the last checkpoint: weights and
 * moments, the step's number (random numbers are functions of it) and the place in the phase's data. So a run
 * that was killed at any step goes on to the same bits.
 */
import { sha256 } from "../digest.ts";
import { writeWhole } from "../folder.ts";
import type { ModelConfig } from "../model/config.ts";
import { Refusal } from "../refusal.ts";
import {
  damageOf,
  latestCheckpoint,
  listCheckpoints,
  type ModelFiles,
  restoreCheckpoint,
  type RunState,
  saveCheckpoint,
  type Trained,
} from "./checkpoints.ts";
import { curvesPage } from "./curves.ts";
import type { Encoder, ExampleSource } from "./examples.ts";
import { feed, take, type Unit } from "./feed.ts";
import type { TensorSource } from "./init.ts";
import { referenceBytes } from "./memory.ts";
import { readMetrics, RunLogs } from "./metrics.ts";
import { type PackCounts, packCounts } from "./pack.ts";
import { type Backward, type NoiseIds, type Pass, passesOf, runPasses } from "./passes.ts";
import { type PassSizes, rowsOf, sizesOf } from "./plan.ts";
import { Pace, type RunProgress } from "./pace.ts";
import type { Phase, Recipe } from "./recipe.ts";
import { claimRun, withRunFolder } from "./run_folder.ts";
import { learningRate } from "./schedule.ts";
import type { StepOptions } from "./trainer.ts";

/** What a run asks of a trainer (lib/train/trainer.ts). */
export interface RunTrainer extends Trained, Backward {
  /** AdamW steps that the moments have seen. */
  steps: number;
  /** Clips, steps and clears the gradients; the norm is that before clipping. */
  step(options: StepOptions): Promise<{ gradientNorm: number }>;
  /** Moves the experts' biases by `rate` towards an even load of the passes since the last call. */
  balance(rate: number): Promise<void> | void;
  /** Frees what is on the device. */
  destroy(): void;
}

/** A model and its data, resolved. */
export interface RunSetting {
  /** What is run. */
  readonly recipe: Recipe;
  /** The model's shape. */
  readonly config: ModelConfig;
  /** First weights. */
  readonly tensors: TensorSource;
  /** What a checkpoint has beside its weights. */
  readonly files: ModelFiles;
  /** Makes token ids of examples. */
  readonly encoder: Encoder;
  /** Ids that noise is made of. */
  readonly ids: NoiseIds;
  /** Examples of a phase; undefined where it has none to measure on. */
  readonly source: (phase: Phase, use: "train" | "validation") => ExampleSource | undefined;
  /** Names all that decides the result beside the recipe: digests of files. */
  readonly digests: Readonly<Record<string, unknown>> & {
    /** By phase. */
    readonly data: Readonly<Record<string, unknown>>;
  };
  /** Places a model on a device. */
  readonly openTrainer: (
    options: PassSizes & {
      readonly tensors: TensorSource;
      readonly frozen: boolean;
      /** Bytes of the device to leave for DPO's reference. */
      readonly reserve?: number;
    },
  ) => Promise<RunTrainer>;
}

/** Where a run goes, and who is told. */
export interface TrainOptions {
  /** Folder of the run. */
  readonly dir: string;
  /** Told of what a person should know, one line each. */
  readonly notice: (line: string) => void;
  /** Told after each step. */
  readonly progress: (progress: RunProgress) => void;
  /** Ends the run after the step in hand, with a checkpoint. */
  readonly signal?: AbortSignal;
}

/** What a run came to. */
export interface RunResult {
  /** Steps done. */
  readonly step: number;
  /** Whether no step is left. */
  readonly complete: boolean;
  /** Of the newest step. Null before the first. */
  readonly loss: number | null;
  /** Loss measured behind that step; null where none was. */
  readonly validation: number | null;
  /** Folder of the newest checkpoint. */
  readonly checkpoint: string | null;
}

/** Runs a recipe to its end, from where its folder was left. */
export function train(setting: RunSetting, options: TrainOptions): Promise<RunResult> {
  return withRunFolder(options.dir, async () => {
    const run = await Run.open(setting, options);
    try {
      return await run.go();
    } finally {
      run.close();
    }
  });
}

/** What decides a run's bits to the end of its phase `last`; how often it is saved does not. */
function identityOf(
  { recipe, digests }: RunSetting,
  last = recipe.phases.at(-1)!.name,
): Record<string, unknown> {
  const { phases, model: _, checkpoints: __, merge: ___, ...rest } = recipe;
  const until = phases.slice(0, 1 + phases.findIndex(({ name }) => name === last));
  const named = until.map(({ data: _, ...phase }) => [phase.name, phase]);
  const data = until.map(({ name }) => [name, digests.data[name]]);
  return {
    ...rest,
    phases: Object.fromEntries(named),
    digests: { ...digests, data: Object.fromEntries(data) },
  };
}

/** Names what brought a run to a phase. */
function pastDigest(setting: RunSetting, phase: string): Promise<string> {
  return sha256(JSON.stringify(identityOf(setting, phase)));
}

/** Step whose draws are those of every validation. */
const VALIDATION_STEP = 2 ** 32 - 1;

/** Examples from which on it is no chance that none has room for an answer. */
const HOPELESS = 64;

class Run {
  #step: number;
  #position: number;
  #validation: number | null;
  #checkpoint: string | null;
  readonly #pace: Pace;

  private constructor(
    readonly setting: RunSetting,
    readonly options: TrainOptions,
    readonly parts: {
      readonly trainer: RunTrainer;
      readonly logs: RunLogs;
      readonly state?: RunState;
      readonly checkpoint?: string;
    },
  ) {
    this.#step = parts.state?.step ?? 0;
    this.#position = parts.state?.position ?? 0;
    this.#validation = parts.state?.validation ?? null;
    this.#checkpoint = parts.checkpoint ?? null;
    this.#pace = new Pace(setting.recipe);
  }

  /** Opens trainer and logs at the last checkpoint, or at the beginning. */
  static async open(setting: RunSetting, options: TrainOptions): Promise<Run> {
    const { recipe, tensors } = setting;
    const { dir, notice } = options;
    const latest = await latestCheckpoint(`${dir}/checkpoints`, notice);
    const past = latest && await pastDigest(setting, latest.state.phase);
    const { merge } = recipe;
    await claimRun(dir, { identity: identityOf(setting), merge, latest, past, notice });
    const sizes = sizesOf(recipe, recipe.phases);
    const reserve = referenceBytes(recipe, setting.config);
    const trainer = await setting.openTrainer({ ...sizes, tensors, frozen: false, reserve });
    try {
      if (latest) {
        await restoreCheckpoint(latest.dir, trainer);
        trainer.steps = latest.state.moments;
        notice(`continuing behind step ${latest.state.step}`);
      }
      const logs = await RunLogs.open(dir, latest?.state.logs ?? {}, notice);
      const place = { state: latest?.state, checkpoint: latest?.dir };
      return new Run(setting, options, { trainer, logs, ...place });
    } catch (error) {
      trainer.destroy();
      throw error;
    }
  }

  async go(): Promise<RunResult> {
    await readMetrics(this.options.dir); // that of a log that curves cannot be drawn of comes now
    let first = 0;
    for (const phase of this.setting.recipe.phases) {
      if (this.#step < first + phase.steps && !this.options.signal?.aborted) {
        if (this.#step === first) this.#position = 0;
        await this.#phase(phase, first);
      }
      first += phase.steps;
    }
    const metrics = await readMetrics(this.options.dir);
    await writeWhole(
      `${this.options.dir}/curves.html`,
      curvesPage("Unmask: a training run", metrics),
    );
    return {
      step: this.#step,
      complete: this.#step === this.#pace.steps,
      loss: metrics.at(-1)?.loss ?? null,
      validation: this.#validation,
      checkpoint: this.#checkpoint,
    };
  }

  close(): void {
    this.parts.logs.close();
    this.parts.trainer.destroy();
  }

  /** The steps of a phase that are left; it begins behind step `first`. */
  async #phase(phase: Phase, first: number): Promise<void> {
    const { recipe, encoder, source } = this.setting;
    const { signal } = this.options;
    const end = first + phase.steps;
    const reference = phase.objective === "dpo"
      ? await this.#reference(phase, first - phase.rate.first_step)
      : undefined;
    const counts = packCounts();
    const units = feed({
      recipe,
      phase,
      encoder,
      source: source(phase, "train")!,
      from: this.#position,
      counts,
    });
    try {
      const validation = await this.#validationPasses(phase);
      while (this.#step < end) {
        const batch = await take(units, phase.batch);
        this.#checkLengths(phase, counts);
        const due = this.#step + 1 === end || (this.#step + 1) % recipe.checkpoints.every === 0;
        await this.#oneStep(batch, { phase, first, reference, validation: due ? validation : [] });
        if (due || signal?.aborted) await this.#save(phase);
        if (signal?.aborted) return;
      }
    } finally {
      await units.return(undefined);
      reference?.destroy();
    }
  }

  /** Says once that examples are cut to the row; refuses where none has room for its answer. */
  #checkLengths({ name }: Phase, { examples, truncated, unanswered }: PackCounts): void {
    const { row_length } = this.setting.recipe;
    if (unanswered === examples && examples >= HOPELESS) {
      throw new Refusal(
        `Cannot train phase "${name}": the prompts of all of its first ${examples} examples fill their rows, expected a data.row_length above ${row_length}`,
      );
    }
    const cut = `phase "${name}" has examples longer than a row of ${row_length}: cut`;
    if (truncated > 0) this.options.notice(cut);
    if (unanswered > 0) this.options.notice(`${cut}, some before their answer`);
  }

  async #oneStep(
    units: readonly Unit[],
    { phase, first, reference, validation }: {
      phase: Phase;
      first: number;
      reference?: RunTrainer;
      validation: readonly Pass[];
    },
  ): Promise<void> {
    const started = performance.now();
    const { trainer, logs } = this.parts;
    const within = this.#step - first;
    const { recipe, ids, config } = this.setting;
    const noisy = phase.embedding_noise > 0 && within < phase.embedding_noise_steps;
    const passes = passesOf(units, {
      phase,
      ids,
      key: { seed: recipe.seed, step: this.#step },
      embedding: noisy ? { hidden: config.hiddenSize } : undefined,
    });
    const { loss, parts, targets } = await runPasses(passes, { trainer, phase, reference });
    const rate = stepOptions(phase, within);
    const { gradientNorm } = await trainer.step(rate);
    // Also where the rate is 0: counts of one phase must not reach the next, for no checkpoint holds them.
    await trainer.balance(phase.expert_bias_rate);
    this.#step++;
    this.#position += units.length;
    const seconds = (performance.now() - started) / 1000;
    this.#checkFinite(phase, { loss, "gradient norm": gradientNorm });
    const measured = validation.length > 0
      ? (await runPasses(validation, { trainer, phase, reference, measure: true })).loss
      : undefined;
    this.#checkFinite(phase, { "validation loss": measured ?? 0 });
    this.#validation = measured ?? null;
    const tokens = rowsOf(units) * recipe.row_length;
    await logs.add({
      step: this.#step,
      stage: phase.stage,
      phase: phase.name,
      block: phase.block,
      loss,
      parts,
      lr: rate.lr,
      gradient_norm: gradientNorm,
      tokens,
      targets,
      validation: measured,
    }, { step: this.#step, seconds, tokens_per_second: tokens / seconds });
    this.#pace.add({ phase, seconds, tokens });
    this.options.progress({
      step: this.#step,
      steps: this.#pace.steps,
      phase: phase.name,
      loss,
      ...this.#pace.at(this.#step),
    });
  }

  /** Refuses to go on, and so to save, where training has diverged. */
  #checkFinite(phase: Phase, values: Readonly<Record<string, number>>): void {
    for (const [what, value] of Object.entries(values)) {
      if (Number.isFinite(value)) continue;
      throw new Refusal(
        `Cannot go on at step ${this.#step} (${phase.name}): the ${what} is ${value}, expected a finite number (a lower lr may help)`,
      );
    }
  }

  async #save(phase: Phase): Promise<void> {
    const { recipe, files } = this.setting;
    const { trainer, logs } = this.parts;
    this.#checkpoint = await saveCheckpoint(`${this.options.dir}/checkpoints`, {
      trainer,
      files,
      state: {
        step: this.#step,
        phase: phase.name,
        moments: trainer.steps,
        position: this.#position,
        recipe: await pastDigest(this.setting, phase.name),
        logs: await logs.sizes(),
        validation: this.#validation,
      },
      keep: { newest: recipe.checkpoints.keep, best: recipe.merge?.best ?? 1 },
    });
  }

  /** The same rows and noise at every measurement of a phase. */
  async #validationPasses(phase: Phase): Promise<Pass[]> {
    const { recipe, encoder, ids } = this.setting;
    const source = this.setting.source(phase, "validation");
    if (!source) return [];
    const units = feed({ recipe, phase, encoder, source, epochs: 1 });
    const sample = await take(units, recipe.rows_validation);
    await units.return(undefined);
    const key = { seed: recipe.seed, step: VALIDATION_STEP };
    const passes = passesOf(sample, { phase, ids, key });
    if (passes.some(({ batch }) => batch.labels.length > 0)) return passes;
    this.options.notice(`phase "${phase.name}" has nothing to predict in its validation rows`);
    return [];
  }

  /** The model as it was when the stage began, behind step `first`: kept, so that a later start has it too. */
  async #reference(phase: Phase, first: number): Promise<RunTrainer> {
    const { recipe, tensors } = this.setting;
    const dir = `${this.options.dir}/references`;
    const { trainer } = this.parts;
    if (this.#step === first) {
      await saveCheckpoint(dir, {
        trainer,
        files: this.setting.files,
        state: {
          step: first,
          phase: phase.name,
          moments: trainer.steps,
          position: 0,
          recipe: await pastDigest(this.setting, phase.name),
          logs: {},
          validation: null,
        },
        // Damaged checkpoints may throw a run back to any stage.
        keep: { newest: Infinity, best: 0 },
      });
    }
    const kept = await this.#wholeOf(first);
    if (kept === undefined) {
      throw new Refusal(
        `Cannot continue phase "${phase.name}": "${dir}" lacks its reference model, expected the one of step ${first}`,
      );
    }
    const reference = await this.setting.openTrainer({
      ...sizesOf(recipe, [phase]),
      tensors,
      frozen: true,
    });
    await restoreCheckpoint(kept, reference, { moments: false });
    return reference;
  }

  /** A reference of this step, or the checkpoint of it, of which every file is as it was written. */
  async #wholeOf(step: number): Promise<string | undefined> {
    for (const folder of ["references", "checkpoints"]) {
      for (const { dir, state } of await listCheckpoints(`${this.options.dir}/${folder}`)) {
        if (state.step === step && await damageOf(dir) === undefined) return dir;
      }
    }
  }
}

/** AdamW's numbers at a step of a phase, from 0. */
export function stepOptions(phase: Phase, step: number): StepOptions {
  const { betas: [beta1, beta2], rate } = phase;
  return {
    lr: learningRate(rate.first_step + step, rate),
    beta1,
    beta2,
    eps: phase.eps,
    weightDecay: phase.weight_decay,
    maxGradNorm: phase.max_grad_norm,
  };
}
