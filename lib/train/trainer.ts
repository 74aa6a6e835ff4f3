/**
 * A model in training on one device: forward pass with statistics of each target, backward pass, clipping
 * and AdamW (spec/model.md section 8). Float32 throughout.
 */
import { adamwKernel, squaresKernel, squaresParts } from "../../kernels/adamw.ts";
import { crossEntropyGradKernel, crossEntropyKernel } from "../../kernels/cross_entropy.ts";
import { embedGradKernel, embedKernel } from "../../kernels/embed.ts";
import type { Dispatch } from "../../kernels/launch.ts";
import { matmulKernel } from "../../kernels/matmul.ts";
import { rmsNormGradKernel, rmsNormKernel } from "../../kernels/rms_norm.ts";
import { wholeWeight } from "../../kernels/weight.ts";
import { BufferPool, readBuffer, stagingBuffer, takeMapped, writeBuffer } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import { sizeOf } from "../gpu/memory.ts";
import type { ModelConfig } from "../model/config.ts";
import { packedRopeTable } from "../model/rope.ts";
import {
  activationBytes,
  type LayerBuffers,
  makeActivations,
  type PassBuffers,
  type TrainSizes,
} from "./activations.ts";
import {
  layerBackward,
  layerForward,
  type LayerParts,
  mlpAddends,
  projectionBackward,
} from "./layers.ts";
import type { TargetStats } from "./objectives.ts";
import {
  type ParameterKind,
  Parameters,
  type Tensor,
  type TensorSource,
  trainedCount,
} from "./parameters.ts";
import type { TrainBatch } from "./streams.ts";

/** Numbers of one AdamW step (spec/model.md section 8.7). */
export interface StepOptions {
  readonly lr: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
  /** Gradients are scaled down to this global norm. */
  readonly maxGradNorm: number;
}

/** Bytes on the device, by what they are for. */
export interface TrainerBytes {
  readonly weights: number;
  readonly gradients: number;
  readonly moments: number;
  readonly activations: number;
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
}

/** Bytes that training takes, known before anything is made. */
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

/**
 * Places a model for training. Activations are kept for the backward pass if they fit into the device's
 * known memory, else each layer's are computed again from its input, a third more work.
 */
export async function openTrainer(
  gpu: Gpu,
  config: ModelConfig,
  options: TrainerOptions,
): Promise<Trainer> {
  const { frozen = false } = options;
  const fits = (recompute: boolean) =>
    gpu.memory.hasRoom(totalBytes(trainerBytes(config, options, { frozen, recompute })));
  const recompute = options.recompute ?? !fits(false);
  const bytes = trainerBytes(config, options, { frozen, recompute });
  gpu.memory.advice = "a smaller batch, shorter rows or a smaller model";
  gpu.memory.checkRoom(
    `training (weights ${sizeOf(bytes.weights)}, activations ${sizeOf(bytes.activations)})`,
    totalBytes(bytes),
  );
  const trainer = new Trainer(gpu, config, { ...options, frozen, recompute });
  try {
    await trainer.prepare(options.tensors);
    return trainer;
  } catch (error) {
    trainer.destroy();
    throw error;
  }
}

/** Kernels of one part of a step, and the rows that each runs over. */
export interface StepPart {
  readonly part: "forward" | "backward" | "optimizer";
  readonly rows: number;
  readonly dispatches: readonly Dispatch[];
}

/** Kernels of a pass, in groups that are submitted together: no submit grows with the model's depth. */
interface Recorded {
  readonly forward: readonly Dispatch[][];
  /** Over targets alone. */
  readonly head: readonly Dispatch[];
  readonly headBackward: readonly Dispatch[];
  readonly backward: readonly Dispatch[][];
  readonly squares: readonly Dispatch[];
  readonly update: readonly Dispatch[];
}

/** Fields of the buffer that AdamW's kernels read. */
const STEP_WORDS = 8;

/** Weights, gradients, moments and passes over them. */
export class Trainer {
  readonly #pool: BufferPool;
  readonly #parameters: Parameters;
  readonly #layers: readonly LayerBuffers[];
  readonly #pass: PassBuffers;
  readonly #rope: GPUBuffer;
  /** One value an expert and MoE layer, as the router's kernels read it. */
  readonly #biases = new Map<number, { buffer: GPUBuffer; values: Float32Array<ArrayBuffer> }>();
  readonly #squares: GPUBuffer | undefined;
  readonly #stepWords: GPUBuffer | undefined;
  #recorded: Recorded | undefined;
  #batch: TrainBatch | undefined;
  #noisy = false;
  /** Rows of each expert: of the last forward pass, and of all since the last balancing. */
  #lastCounts = new Map<number, Uint32Array>();
  #counts = new Map<number, Float64Array>();
  /** AdamW steps made so far. */
  steps = 0;
  readonly bytes: TrainerBytes;

  constructor(
    readonly gpu: Gpu,
    readonly config: ModelConfig,
    readonly options: TrainerOptions & { readonly frozen: boolean; readonly recompute: boolean },
  ) {
    const { frozen, recompute, length } = options;
    this.#pool = new BufferPool(gpu);
    const { maxStorageBufferBindingSize, maxBufferSize } = gpu.device.limits;
    const maxBinding = Math.min(maxStorageBufferBindingSize, maxBufferSize);
    this.#parameters = new Parameters(this.#pool, config, { frozen, maxBinding });
    const { layers, pass } = makeActivations(this.#pool, config, options);
    this.#layers = layers;
    this.#pass = pass;
    this.#rope = this.#pool.upload("rope", packedRopeTable(config, length));
    for (let n = config.firstKDenseReplace; n < config.numHiddenLayers; n++) {
      const values = new Float32Array(config.numExperts);
      this.#biases.set(n, { values, buffer: this.#pool.upload(`layers.${n}.expert_bias`, values) });
    }
    if (!frozen) {
      const sizes = this.#parameters.all.flatMap(({ chunks }) => chunks.map(({ size }) => size));
      const parts = sizes.reduce((sum, size) => sum + squaresParts(size), 0);
      this.#squares = this.#pool.empty("squares", 4 * parts);
      this.#stepWords = this.#pool.empty("step", 4 * STEP_WORDS);
    }
    this.bytes = trainerBytes(config, options, { frozen, recompute });
  }

  /** Writes the initial weights and compiles the passes. */
  async prepare(tensors: TensorSource): Promise<void> {
    await this.write("weights", tensors);
    this.#recorded = await this.#record();
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
    this.#upload(batch, noise);
    const { forward, head } = this.#recorded!;
    const targets = batch.targetRows.length;
    for (const group of forward) this.#submit(group, batch.count);
    this.#submit(head, targets);
    this.#batch = batch;
    return await this.#readStats(targets);
  }

  /** Adds the gradient of sum_i a_i crossEntropy_i + b_i entropy_i; `coefficients` are a_0, b_0, a_1, ... */
  backward(coefficients: Float32Array<ArrayBuffer>): void {
    const batch = this.#batch;
    if (!batch) throw new TypeError("Cannot go backward: no forward pass before");
    writeBuffer(this.gpu, this.#pass.coefficients, { data: coefficients });
    const { headBackward, backward } = this.#recorded!;
    this.#submit(headBackward, batch.targetRows.length);
    for (const group of backward) this.#submit(group, batch.count);
    for (const [layer, counts] of this.#lastCounts) {
      const sums = this.#counts.get(layer) ?? new Float64Array(counts.length);
      counts.forEach((count, expert) => sums[expert] += count);
      this.#counts.set(layer, sums);
    }
    this.#batch = undefined; // the logits are overwritten
  }

  /** Clips, makes an AdamW step and clears the gradients; the norm is that before clipping. */
  async step(options: StepOptions): Promise<{ gradientNorm: number }> {
    const { squares, update } = this.#recorded!;
    this.#submit(squares, 1);
    const sums = new Float32Array(await readBuffer(this.gpu, this.#squares!));
    const gradientNorm = Math.sqrt(sums.reduce((sum, value) => sum + value, 0));
    this.gpu.check();
    if (!Number.isFinite(gradientNorm)) return { gradientNorm };
    this.steps++;
    const { lr, beta1, beta2, eps, weightDecay, maxGradNorm } = options;
    const clip = Math.min(1, maxGradNorm / (gradientNorm + 1e-6)); // as PyTorch's clip_grad_norm_
    const words = [lr, beta1, beta2, eps, weightDecay, clip];
    const corrections = [1 - beta1 ** this.steps, 1 - beta2 ** this.steps];
    writeBuffer(this.gpu, this.#stepWords!, { data: Float32Array.of(...words, ...corrections) });
    this.#submit(update, 1);
    this.clearGradients();
    return { gradientNorm };
  }

  /** The kernels of a step over a batch in order, for timing them apart from each other. */
  kernels({ count, targetRows }: TrainBatch): StepPart[] {
    const { forward, head, headBackward, backward, squares, update } = this.#recorded!;
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

  destroy(): void {
    this.#pool.destroy();
  }

  async #record(): Promise<Recorded> {
    const { gpu: { launcher }, config: c } = this;
    const parts = this.#layers.map((_, index) => this.#partsOf(index));
    const forward: Dispatch[][] = [await this.#embed()];
    let pending = { x: this.#pass.embedded, add: this.#pass.noise, addends: 1 };
    for (const [index, layer] of parts.entries()) {
      forward.push(await layerForward(launcher, layer, pending));
      pending = { x: layer.layer.middle, add: this.#pass.mlp, addends: mlpAddends(c, index) };
    }
    forward.push(await this.#finalNorm(pending));
    const head = await this.#head();
    if (this.options.frozen) {
      return { forward, head, headBackward: [], backward: [], squares: [], update: [] };
    }
    const backward: Dispatch[][] = [await this.#finalNormBackward()];
    for (const layer of parts.toReversed()) {
      const again = this.options.recompute ? await layerForward(launcher, layer) : [];
      backward.push([...again, ...await layerBackward(launcher, layer)]);
    }
    backward.push(await this.#embedBackward());
    const headBackward = await this.#headBackward();
    return { forward, head, headBackward, backward, ...await this.#optimizer() };
  }

  #partsOf(index: number): LayerParts {
    return {
      config: this.config,
      parameters: this.#parameters,
      pass: this.#pass,
      layer: this.#layers[index],
      bias: this.#biases.get(index)?.buffer,
      rope: this.#rope,
      index,
      rows: this.options.rows,
    };
  }

  #embed(): Promise<Dispatch[]> {
    const { live, rows, embedded } = this.#pass;
    const table = this.#parameters.matrix("model.word_embeddings.weight");
    return embedKernel(this.gpu.launcher, { label: "embed", live, rows, table, x: embedded });
  }

  #finalNorm(pending: { x: GPUBuffer; add: GPUBuffer; addends: number }): Promise<Dispatch[]> {
    const { live, last, lastNormed } = this.#pass;
    return rmsNormKernel(this.gpu.launcher, {
      label: "norm",
      live,
      ...pending,
      sum: last,
      w: this.#parameters.vector("model.norm.weight"),
      h: lastNormed,
      width: this.config.hiddenSize,
      eps: this.config.rmsNormEps,
    });
  }

  /** Gathers the targets' rows; logits and their statistics. */
  async #head(): Promise<Dispatch[]> {
    const { launcher } = this.gpu;
    const { live, targetRows, targetNormed, logits, labels, stats } = this.#pass;
    return [
      ...await embedKernel(launcher, {
        label: "gather targets",
        live,
        rows: targetRows,
        table: this.#asTable(this.#pass.lastNormed),
        x: targetNormed,
      }),
      ...await matmulKernel(launcher, {
        label: "lm_head",
        live,
        rowsAt: 1,
        x: targetNormed,
        w: this.#parameters.matrix("lm_head.weight"),
        y: logits,
      }),
      ...await crossEntropyKernel(launcher, {
        label: "cross-entropy",
        live,
        logits,
        labels,
        stats,
        vocab: this.config.vocabSize,
      }),
    ];
  }

  async #headBackward(): Promise<Dispatch[]> {
    const { launcher } = this.gpu;
    const { live, logits, labels, stats, coefficients, targetNormed, dtarget } = this.#pass;
    const projection = { live, rowsAt: 1 as const, x: targetNormed, dy: logits, dinput: dtarget };
    return [
      ...await crossEntropyGradKernel(launcher, {
        label: "cross-entropy gradient",
        live,
        logits,
        labels,
        stats,
        coefficients,
        vocab: this.config.vocabSize,
      }),
      ...await projectionBackward(launcher, this.#parameters, {
        name: "lm_head.weight",
        ...projection,
      }),
    ];
  }

  /** Scatters the targets' gradients over all rows (zero elsewhere) and goes back through the norm. */
  async #finalNormBackward(): Promise<Dispatch[]> {
    const { launcher } = this.gpu;
    const { live, last, dtarget, targetOrder, targetSegments, dh, dx, normParts } = this.#pass;
    return [
      ...await embedGradKernel(launcher, {
        label: "scatter targets",
        dx: dtarget,
        order: targetOrder,
        segments: targetSegments,
        table: this.#asTable(dh),
        add: false,
      }),
      ...await rmsNormGradKernel(launcher, {
        label: "norm gradient",
        live,
        x: last,
        w: this.#parameters.vector("model.norm.weight"),
        dh,
        add: dh,
        addends: 0,
        dx,
        fresh: true,
        dw: this.#parameters.vector("model.norm.weight", "gradients"),
        parts: normParts,
        rows: this.options.rows,
        width: this.config.hiddenSize,
        eps: this.config.rmsNormEps,
      }),
    ];
  }

  #embedBackward(): Promise<Dispatch[]> {
    const { dx, tokenOrder: order, tokenSegments: segments } = this.#pass;
    const table = this.#parameters.matrix("model.word_embeddings.weight", "gradients");
    const label = "embed gradient";
    return embedGradKernel(this.gpu.launcher, { label, dx, order, segments, table, add: true });
  }

  async #optimizer(): Promise<Pick<Recorded, "squares" | "update">> {
    const { launcher } = this.gpu;
    const squares: Dispatch[] = [];
    const update: Dispatch[] = [];
    const sums = this.#squares!;
    const step = this.#stepWords!;
    let at = 0;
    for (const { name, chunks } of this.#parameters.all) {
      for (const { size: count, buffers } of chunks) {
        const { weights: w, gradients: g, m, v } = buffers;
        const label = `${name} squares`;
        squares.push(await squaresKernel(launcher, { label, g: g!, count, sums, at }));
        at += squaresParts(count);
        const tensors = { w: w!, g: g!, m: m!, v: v! };
        update.push(
          await adamwKernel(launcher, { label: `${name} adamw`, ...tensors, count, step }),
        );
      }
    }
    return { squares, update };
  }

  /** Rows of the pass as a table that kernels look rows up in. */
  #asTable(buffer: GPUBuffer) {
    const { rows } = this.options;
    return wholeWeight(buffer, { format: "f32", rows, columns: this.config.hiddenSize });
  }

  #submit(dispatches: readonly Dispatch[], rows: number): void {
    const encoder = this.gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const dispatch of dispatches) dispatch.encode(pass, rows);
    pass.end();
    this.gpu.device.queue.submit([encoder.finish()]);
  }

  #upload(batch: TrainBatch, noise: Float32Array<ArrayBuffer> | undefined): void {
    const { gpu, options: { rows, targets, frozen }, config } = this;
    const { count, targetRows, labels } = batch;
    if (count > rows || targetRows.length > targets) {
      throw new RangeError(
        `Cannot run a pass of ${count} rows and ${targetRows.length} targets: expected at most ${rows} and ${targets}`,
      );
    }
    const pass = this.#pass;
    const write = (buffer: GPUBuffer, data: Uint32Array | Float32Array) =>
      writeBuffer(gpu, buffer, { data: data as Uint32Array<ArrayBuffer> });
    write(pass.live, Uint32Array.of(count, targetRows.length, 1, 0));
    write(pass.rows, batch.rows);
    write(pass.spans, batch.spans);
    const lookups = new Uint32Array(4 * targetRows.length);
    targetRows.forEach((row, index) => lookups[4 * index + 2] = row);
    write(pass.targetRows, lookups);
    write(pass.labels, labels);
    if (noise) write(pass.noise, noise);
    else if (this.#noisy) write(pass.noise, new Float32Array(rows * config.hiddenSize));
    this.#noisy = noise !== undefined;
    if (frozen) return;
    write(pass.queries, batch.queries);
    const tokens = Uint32Array.from({ length: count }, (_, row) => batch.rows[4 * row + 2]);
    const byToken = sorted(tokens, config.vocabSize);
    // As nn.Embedding's padding_idx: the padding token's row is never trained.
    byToken.segments.fill(0, 2 * config.padTokenId, 2 * config.padTokenId + 2);
    write(pass.tokenOrder, byToken.order);
    write(pass.tokenSegments, byToken.segments);
    const byRow = sorted(targetRows, rows);
    write(pass.targetOrder, byRow.order);
    write(pass.targetSegments, byRow.segments);
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

/** Indices of `keys` sorted by key (a counting sort, so equal keys stay in order), and each key's part. */
function sorted(
  keys: Uint32Array,
  most: number,
): { order: Uint32Array; segments: Uint32Array } {
  const segments = new Uint32Array(2 * most);
  for (const key of keys) segments[2 * key + 1]++;
  for (let key = 1; key < most; key++) {
    segments[2 * key] = segments[2 * key - 2] + segments[2 * key - 1];
  }
  const next = Uint32Array.from({ length: most }, (_, key) => segments[2 * key]);
  const order = new Uint32Array(keys.length);
  keys.forEach((key, index) => order[next[key]++] = index);
  return { order, segments };
}
