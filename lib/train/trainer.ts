/**
 * A model in training on one device: forward pass with statistics of each target, backward pass, clipping
 * and AdamW (spec/model.md section 8). Float32 throughout.
 */
import { type Dispatch, MAX_GROUPS } from "../../kernels/launch.ts";
import { BufferPool, readBuffer, stagingBuffer, takeMapped, writeBuffer } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import { submitPass } from "../gpu/submit.ts";
import { sizeOf } from "../gpu/memory.ts";
import type { ModelConfig } from "../model/config.ts";
import { packedRopeTable } from "../model/rope.ts";
import { Refusal } from "../refusal.ts";
import {
  type LayerBuffers,
  makeActivations,
  type PassBuffers,
  type TrainSizes,
} from "./activations.ts";
import type { TensorSource } from "./init.ts";
import { totalBytes, type TrainerBytes, trainerBytes } from "./memory.ts";
import type { TargetStats } from "./objectives.ts";
import { type ParameterKind, Parameters, type Tensor } from "./parameters.ts";
import {
  type OptimizerBuffers,
  squaresCount,
  type StepKernels,
  stepKernels,
} from "./step_kernels.ts";
import type { TrainBatch } from "./streams.ts";
import { uploadBatch } from "./upload.ts";

/** Numbers of one AdamW step (spec/model.md section 8.7). */
export interface StepOptions {
  /** Learning rate. */
  readonly lr: number;
  /** Decay of the first moment. */
  readonly beta1: number;
  /** Decay of the second moment. */
  readonly beta2: number;
  /** Added to the root of the second moment. */
  readonly eps: number;
  /** Decoupled, on every parameter. */
  readonly weightDecay: number;
  /** Gradients are scaled down to this global norm. */
  readonly maxGradNorm: number;
}

/** Options of `openTrainer`. */
export interface TrainerOptions extends TrainSizes {
  /** Initial weights; with `.expert_bias` where the model has one. */
  readonly tensors: TensorSource;
  /** Most positions of a sequence. */
  readonly length: number;
  /** Only forward passes: no gradients, no moments. */
  readonly frozen?: boolean;
  /** Activations of a layer computed again in the backward pass; by default only where they do not fit. */
  readonly recompute?: boolean;
  /** Bytes of the device to leave for what is placed later. */
  readonly reserve?: number;
}

/**
 * Places a model for training. Activations are kept for the backward pass if they fit into the device's
 * known memory, else each layer's are computed again from its input, a third more work.
 */
export async function openTrainer(
  gpu: Gpu,
  config: ModelConfig,
  options: TrainerOptions,
): Promise<Trainer> {
  const { frozen = false, reserve = 0 } = options;
  if (options.rows > MAX_GROUPS) {
    throw new Refusal(
      `Cannot train in passes of ${options.rows} rows: expected at most ${MAX_GROUPS} (try a smaller micro_batch)`,
    );
  }
  const fits = (recompute: boolean) =>
    gpu.memory.hasRoom(totalBytes(trainerBytes(config, options, { frozen, recompute })) + reserve);
  const recompute = options.recompute ?? !fits(false);
  const bytes = trainerBytes(config, options, { frozen, recompute });
  gpu.memory.advice = "a smaller micro_batch, shorter rows or a smaller model";
  gpu.memory.checkRoom(
    `training (weights ${sizeOf(bytes.weights)}, activations ${sizeOf(bytes.activations)})`,
    totalBytes(bytes) + reserve,
  );
  const pool = new BufferPool(gpu);
  try {
    const trainer = new Trainer(pool, config, { ...options, frozen, recompute });
    await trainer.prepare(options.tensors);
    return trainer;
  } catch (error) {
    pool.destroy();
    throw error;
  }
}

/** Kernels of one part of a step, and the rows that each runs over. */
export interface StepPart {
  /** Which part. */
  readonly part: "forward" | "backward" | "optimizer";
  /** Rows that the kernels run over. */
  readonly rows: number;
  /** The kernels in order. */
  readonly dispatches: readonly Dispatch[];
}

/** Fields of the buffer that AdamW's kernels read. */
const STEP_WORDS = 8;

/** Weights, gradients, moments and passes over them. */
export class Trainer {
  readonly #parameters: Parameters;
  readonly #layers: readonly LayerBuffers[];
  readonly #pass: PassBuffers;
  readonly #rope: GPUBuffer;
  /** One value an expert and MoE layer, as the router's kernels read it. */
  readonly #biases = new Map<number, { buffer: GPUBuffer; values: Float32Array<ArrayBuffer> }>();
  readonly #optimizer: OptimizerBuffers | undefined;
  #kernels: StepKernels | undefined;
  #batch: TrainBatch | undefined;
  #noisy = false;
  /** Rows of each expert: of the last forward pass, and of all since the last balancing. */
  #lastCounts = new Map<number, Uint32Array>();
  #counts = new Map<number, Float64Array>();
  /** AdamW steps made so far. */
  steps = 0;
  /** Where it is. */
  readonly gpu: Gpu;
  /** What it takes on the device. */
  readonly bytes: TrainerBytes;
  readonly #pool: BufferPool;

  /** Makes the buffers; `openTrainer` also fills them. */
  constructor(
    pool: BufferPool,
    readonly config: ModelConfig,
    readonly options: TrainerOptions & { readonly frozen: boolean; readonly recompute: boolean },
  ) {
    const { frozen, recompute, length } = options;
    this.gpu = pool.gpu;
    this.#pool = pool;
    const { maxStorageBufferBindingSize, maxBufferSize } = pool.gpu.device.limits;
    const maxBinding = Math.min(maxStorageBufferBindingSize, maxBufferSize);
    this.#parameters = new Parameters(pool, config, { frozen, maxBinding });
    const { layers, pass } = makeActivations(pool, config, options);
    this.#layers = layers;
    this.#pass = pass;
    this.#rope = pool.upload("rope", packedRopeTable(config, length));
    for (let n = config.firstKDenseReplace; n < config.numHiddenLayers; n++) {
      const values = new Float32Array(config.numExperts);
      this.#biases.set(n, { values, buffer: pool.upload(`layers.${n}.expert_bias`, values) });
    }
    if (!frozen) {
      this.#optimizer = {
        squares: pool.empty("squares", 4 * squaresCount(this.#parameters)),
        step: pool.empty("step", 4 * STEP_WORDS),
      };
    }
    this.bytes = trainerBytes(config, options, { frozen, recompute });
  }

  /** Writes the initial weights and compiles the passes. */
  async prepare(tensors: TensorSource): Promise<void> {
    await this.write("weights", tensors);
    const { rows, recompute } = this.options;
    this.#kernels = await stepKernels({
      launcher: this.gpu.launcher,
      config: this.config,
      parameters: this.#parameters,
      pass: this.#pass,
      layers: this.#layers,
      biases: this.#biases,
      rope: this.#rope,
      rows,
      recompute,
      optimizer: this.#optimizer,
    });
    this.gpu.check();
  }

  /**
   * One pass over a batch: statistics of each target. `noise` [T, H] is added to the embeddings
   * (spec/model.md section 8.6).
   */
  async forward(
    batch: TrainBatch,
    { noise }: { noise?: Float32Array<ArrayBuffer> } = {},
  ): Promise<TargetStats> {
    const { rows, targets: most, frozen } = this.options;
    if (batch.count > rows || batch.targetRows.length > most) {
      throw new RangeError(
        `Cannot run a pass of ${batch.count} rows and ${batch.targetRows.length} targets: expected at most ${rows} and ${most}`,
      );
    }
    uploadBatch(this.gpu, this.#pass, { batch, config: this.config, rows, frozen });
    this.#uploadNoise(noise);
    const { forward, head } = this.#kernels!;
    const targets = batch.targetRows.length;
    for (const group of forward) submitPass(this.gpu, group, batch.count);
    submitPass(this.gpu, head, targets);
    this.#batch = batch;
    return await this.#readStats(targets);
  }

  /** Adds the gradient of sum_i a_i crossEntropy_i + b_i entropy_i; `coefficients` are a_0, b_0, a_1, ... */
  backward(coefficients: Float32Array<ArrayBuffer>): void {
    const batch = this.#batch;
    if (!batch) throw new TypeError("Cannot go backward: no forward pass before");
    writeBuffer(this.gpu, this.#pass.coefficients, { data: coefficients });
    const { headBackward, backward } = this.#kernels!;
    submitPass(this.gpu, headBackward, batch.targetRows.length);
    for (const group of backward) submitPass(this.gpu, group, batch.count);
    for (const [layer, counts] of this.#lastCounts) {
      const sums = this.#counts.get(layer) ?? new Float64Array(counts.length);
      counts.forEach((count, expert) => sums[expert] += count);
      this.#counts.set(layer, sums);
    }
    this.#batch = undefined; // the logits are overwritten
  }

  /** Clips, makes an AdamW step and clears the gradients; the norm is that before clipping. */
  async step(options: StepOptions): Promise<{ gradientNorm: number }> {
    const { squares, update } = this.#kernels!;
    submitPass(this.gpu, squares, 1);
    const sums = new Float32Array(await readBuffer(this.gpu, this.#optimizer!.squares));
    const gradientNorm = Math.sqrt(sums.reduce((sum, value) => sum + value, 0));
    this.gpu.check();
    if (!Number.isFinite(gradientNorm)) return { gradientNorm };
    this.steps++;
    const { lr, beta1, beta2, eps, weightDecay, maxGradNorm } = options;
    const clip = Math.min(1, maxGradNorm / (gradientNorm + 1e-6)); // as PyTorch's clip_grad_norm_
    const words = [lr, beta1, beta2, eps, weightDecay, clip];
    // Of the betas as the kernel has them: float32's 1 - 0.999 differs from 0.001 in the fifth digit.
    const corrections = [beta1, beta2].map((beta) => 1 - Math.fround(beta) ** this.steps);
    writeBuffer(this.gpu, this.#optimizer!.step, {
      data: Float32Array.of(...words, ...corrections),
    });
    submitPass(this.gpu, update, 1);
    this.clearGradients();
    return { gradientNorm };
  }

  /** The kernels of a step over a batch in order, for timing them apart from each other. */
  kernels({ count, targetRows }: TrainBatch): StepPart[] {
    const { forward, head, headBackward, backward, squares, update } = this.#kernels!;
    const targets = targetRows.length;
    return [
      { part: "forward", rows: count, dispatches: forward.flat() },
      { part: "forward", rows: targets, dispatches: head },
      { part: "backward", rows: targets, dispatches: headBackward },
      { part: "backward", rows: count, dispatches: backward.flat() },
      { part: "optimizer", rows: 1, dispatches: [...squares, ...update] },
    ];
  }

  /** Forgets what backward passes added. */
  clearGradients(): void {
    const encoder = this.gpu.device.createCommandEncoder({ label: "clear gradients" });
    for (const { chunks } of this.#parameters.all) {
      for (const { buffers } of chunks) encoder.clearBuffer(buffers.gradients!);
    }
    this.gpu.device.queue.submit([encoder.finish()]);
  }

  /**
   * Moves each expert's bias by `rate` towards an even load, counted since the last call: balancing without
   * an auxiliary loss. A rate of 0 only forgets the counts.
   */
  balance(rate: number): void {
    for (const [layer, sums] of rate > 0 ? this.#counts : []) {
      const { buffer, values } = this.#biases.get(layer)!;
      const mean = sums.reduce((sum, count) => sum + count, 0) / sums.length;
      sums.forEach((count, expert) => values[expert] += rate * Math.sign(mean - count));
      writeBuffer(this.gpu, buffer, { data: values });
    }
    this.#counts.clear();
  }

  /** Weights (with the experts' biases), gradients or moments as a checkpoint's tensors. */
  async *read(kind: ParameterKind): AsyncGenerator<Tensor> {
    yield* this.#parameters.read(this.gpu, kind);
    if (kind !== "weights" || !this.config.moeRouterEnableExpertBias) return;
    for (const [layer, { values }] of this.#biases) {
      yield { name: biasName(layer), shape: [values.length], values: values.slice() };
    }
  }

  /** Takes weights (with the experts' biases) or moments from tensors. */
  async write(kind: ParameterKind, source: TensorSource): Promise<void> {
    await this.#parameters.write(this.gpu, kind, source);
    if (kind !== "weights" || !this.config.moeRouterEnableExpertBias) return;
    for (const [layer, { buffer, values }] of this.#biases) {
      values.set(await source.values(biasName(layer), [values.length]));
      writeBuffer(this.gpu, buffer, { data: values });
    }
  }

  /** Frees what is on the device. */
  destroy(): void {
    this.#pool.destroy();
  }

  #uploadNoise(noise: Float32Array<ArrayBuffer> | undefined): void {
    const { gpu, options: { rows }, config } = this;
    if (noise) writeBuffer(gpu, this.#pass.noise, { data: noise });
    else if (this.#noisy) {
      writeBuffer(gpu, this.#pass.noise, { data: new Float32Array(rows * config.hiddenSize) });
    }
    this.#noisy = noise !== undefined;
  }

  /** Reads statistics and the experts' rows in one round trip. */
  async #readStats(targets: number): Promise<TargetStats> {
    const { gpu } = this;
    const segments = [...this.#biases.keys()].map((n) => [n, this.#layers[n].segments] as const);
    const segmentBytes = 8 * (this.config.numExperts + this.config.numSharedExperts);
    const staging = stagingBuffer(
      gpu,
      "target statistics",
      16 * targets + segmentBytes * segments.length,
    );
    const encoder = gpu.device.createCommandEncoder({ label: staging.label });
    if (targets > 0) encoder.copyBufferToBuffer(this.#pass.stats, 0, staging, 0, 16 * targets);
    let at = 16 * targets;
    for (const [, buffer] of segments) {
      encoder.copyBufferToBuffer(buffer, 0, staging, at, segmentBytes);
      at += segmentBytes;
    }
    gpu.device.queue.submit([encoder.finish()]);
    const bytes = await takeMapped(gpu, staging);
    const floats = new Float32Array(bytes, 0, 4 * targets);
    const words = new Uint32Array(bytes);
    for (const [index, [layer]] of segments.entries()) {
      const from = 4 * targets + index * segmentBytes / 4;
      const counts = Uint32Array.from(
        { length: this.config.numExperts },
        (_, expert) => words[from + 2 * expert + 1],
      );
      this.#lastCounts.set(layer, counts);
    }
    return {
      crossEntropy: Float32Array.from({ length: targets }, (_, i) => floats[4 * i]),
      entropy: Float32Array.from({ length: targets }, (_, i) => floats[4 * i + 1]),
      argmax: Uint32Array.from({ length: targets }, (_, i) => words[4 * i + 3]),
    };
  }
}

function biasName(layer: number): string {
  return `model.layers.${layer}.mlp.gate.expert_bias`;
}
