/**
 * The kernels of a training step, prepared once for all passes: embedding, layers, head with the targets'
 * statistics, all of it backward, and AdamW (spec/model.md sections 3 and 8).
 */
import { adamwKernel, squaresKernel, squaresParts } from "../../kernels/adamw.ts";
import { crossEntropyGradKernel, crossEntropyKernel } from "../../kernels/cross_entropy.ts";
import { embedGradKernel, embedKernel } from "../../kernels/embed.ts";
import type { Dispatch, Launcher } from "../../kernels/launch.ts";
import { matmulKernel } from "../../kernels/matmul/matmul.ts";
import { rmsNormKernel } from "../../kernels/rms_norm.ts";
import { rmsNormGradKernel } from "../../kernels/rms_norm_grad.ts";
import { type Weight, wholeWeight } from "../../kernels/weights/weight.ts";
import type { ModelConfig } from "../model/config.ts";
import type { LayerBuffers, PassBuffers } from "./activations.ts";
import { layerBackward, projectionBackward } from "./layer_backward.ts";
import { layerForward } from "./layer_forward.ts";
import { type LayerParts, mlpAddends, type Pending } from "./layer_parts.ts";
import type { Parameters } from "./parameters.ts";

/** What a step's kernels are prepared from. */
export interface StepParts {
  readonly launcher: Launcher;
  readonly config: ModelConfig;
  readonly parameters: Parameters;
  readonly pass: PassBuffers;
  readonly layers: readonly LayerBuffers[];
  /** Experts' biases by layer; dense layers have none. */
  readonly biases: ReadonlyMap<number, { readonly buffer: GPUBuffer }>;
  /** Rotary table [positions, 2, rotary / 2]. */
  readonly rope: GPUBuffer;
  /** Most rows of a pass. */
  readonly rows: number;
  /** Activations of a layer are computed again in the backward pass. */
  readonly recompute: boolean;
  /** Absent in a frozen model, which has neither backward pass nor optimizer. */
  readonly optimizer?: OptimizerBuffers;
}

/** What the optimizer's kernels share. */
export interface OptimizerBuffers {
  /** Partial sums of squares of all gradients: as many as `squaresCount` says. */
  readonly squares: GPUBuffer;
  /** [8] as `adamwKernel` reads it. */
  readonly step: GPUBuffer;
}

/** Kernels of a step, in groups that are submitted together: no submit grows with the model's depth. */
export interface StepKernels {
  readonly forward: readonly Dispatch[][];
  /** Over targets alone. */
  readonly head: readonly Dispatch[];
  readonly headBackward: readonly Dispatch[];
  readonly backward: readonly Dispatch[][];
  readonly squares: readonly Dispatch[];
  readonly update: readonly Dispatch[];
}

/** Prepares all kernels. */
export async function stepKernels(parts: StepParts): Promise<StepKernels> {
  const { launcher, config, pass, layers, recompute } = parts;
  const ofLayers = layers.map((_, index) => layerParts(parts, index));
  const forward = [await embed(parts)];
  let pending: Pending = { x: pass.embedded, add: pass.noise, addends: 1 };
  for (const [index, layer] of ofLayers.entries()) {
    forward.push(await layerForward(launcher, layer, pending));
    pending = { x: layer.layer.middle, add: pass.mlp, addends: mlpAddends(config, index) };
  }
  forward.push(await finalNorm(parts, pending));
  const head = await headForward(parts);
  if (!parts.optimizer) {
    return { forward, head, headBackward: [], backward: [], squares: [], update: [] };
  }
  const backward = [await finalNormBackward(parts)];
  for (const layer of ofLayers.toReversed()) {
    const again = recompute ? await layerForward(launcher, layer) : [];
    backward.push([...again, ...await layerBackward(launcher, layer)]);
  }
  backward.push(await embedBackward(parts));
  const headBackward = await headBackwardOf(parts);
  return { forward, head, headBackward, backward, ...await optimizer(parts, parts.optimizer) };
}

function layerParts({ layers, biases, ...parts }: StepParts, index: number): LayerParts {
  const { config, parameters, pass, rope, rows } = parts;
  const bias = biases.get(index)?.buffer;
  return { config, parameters, pass, layer: layers[index], bias, rope, index, rows };
}

function embed({ launcher, pass, parameters }: StepParts): Promise<Dispatch[]> {
  const { live, rows, embedded } = pass;
  const table = parameters.matrix("model.word_embeddings.weight");
  return embedKernel(launcher, { label: "embed", live, rows, table, x: embedded });
}

function finalNorm(
  { launcher, config, pass, parameters }: StepParts,
  pending: Pending,
): Promise<Dispatch[]> {
  const { live, last, lastNormed } = pass;
  return rmsNormKernel(launcher, {
    label: "norm",
    live,
    ...pending,
    sum: last,
    w: parameters.vector("model.norm.weight"),
    h: lastNormed,
    width: config.hiddenSize,
    eps: config.rmsNormEps,
  });
}

/** Gathers the targets' rows; logits and their statistics. */
async function headForward(parts: StepParts): Promise<Dispatch[]> {
  const { launcher, config, pass, parameters } = parts;
  const { live, targetRows, targetNormed, logits, labels, stats } = pass;
  return [
    ...await embedKernel(launcher, {
      label: "gather targets",
      live,
      rows: targetRows,
      table: asTable(parts, pass.lastNormed),
      x: targetNormed,
    }),
    ...await matmulKernel(launcher, {
      label: "lm_head",
      live,
      rowsAt: 1,
      x: targetNormed,
      w: parameters.matrix("lm_head.weight"),
      y: logits,
    }),
    ...await crossEntropyKernel(launcher, {
      label: "cross-entropy",
      live,
      logits,
      labels,
      stats,
      vocab: config.vocabSize,
    }),
  ];
}

async function headBackwardOf({ launcher, config, pass, parameters, rows }: StepParts) {
  const { live, logits, labels, stats, coefficients, targetNormed, dtarget } = pass;
  return [
    ...await crossEntropyGradKernel(launcher, {
      label: "cross-entropy gradient",
      live,
      logits,
      labels,
      stats,
      coefficients,
      vocab: config.vocabSize,
    }),
    ...await projectionBackward(launcher, parameters, {
      name: "lm_head.weight",
      live,
      rowsAt: 1,
      x: targetNormed,
      dy: logits,
      dinput: dtarget,
      rows,
    }),
  ];
}

/** Scatters the targets' gradients over all rows (zero elsewhere) and goes back through the norm. */
async function finalNormBackward(parts: StepParts): Promise<Dispatch[]> {
  const { launcher, config, pass, parameters, rows } = parts;
  const { live, last, dtarget, targetOrder, targetSegments, dh, dx, normParts } = pass;
  return [
    ...await embedGradKernel(launcher, {
      label: "scatter targets",
      dx: dtarget,
      order: targetOrder,
      segments: targetSegments,
      table: asTable(parts, dh),
      add: false,
    }),
    ...await rmsNormGradKernel(launcher, {
      label: "norm gradient",
      live,
      x: last,
      w: parameters.vector("model.norm.weight"),
      dh,
      add: dh,
      addends: 0,
      dx,
      fresh: true,
      dw: parameters.vector("model.norm.weight", "gradients"),
      parts: normParts,
      rows,
      width: config.hiddenSize,
      eps: config.rmsNormEps,
    }),
  ];
}

function embedBackward({ launcher, pass, parameters }: StepParts): Promise<Dispatch[]> {
  const { dx, tokenOrder: order, tokenSegments: segments } = pass;
  const table = parameters.matrix("model.word_embeddings.weight", "gradients");
  return embedGradKernel(launcher, {
    label: "embed gradient",
    dx,
    order,
    segments,
    table,
    add: true,
  });
}

/** Partial sums of squares of all gradients. */
export function squaresCount({ all }: Parameters): number {
  const sizes = all.flatMap(({ chunks }) => chunks.map(({ size }) => size));
  return sizes.reduce((sum, size) => sum + squaresParts(size), 0);
}

async function optimizer(
  { launcher, parameters }: StepParts,
  { squares: sums, step }: OptimizerBuffers,
): Promise<Pick<StepKernels, "squares" | "update">> {
  const squares: Dispatch[] = [];
  const update: Dispatch[] = [];
  let at = 0;
  for (const { name, chunks, pieces } of parameters.all) {
    for (const { size: count, buffers } of chunks) {
      const { weights: w, gradients: g, m, v } = buffers;
      const label = `${name} squares`;
      squares.push(await squaresKernel(launcher, { label, g: g!, count, sums, at }));
      at += squaresParts(count);
      if (pieces.length === 0) continue; // a norm that the model lacks stays 1: no checkpoint holds it
      const tensors = { w: w!, g: g!, m: m!, v: v! };
      update.push(
        await adamwKernel(launcher, { label: `${name} adamw`, ...tensors, count, step }),
      );
    }
  }
  return { squares, update };
}

/** Rows of the pass as a table that kernels look rows up in. */
function asTable({ rows, config }: StepParts, buffer: GPUBuffer): Weight {
  return wholeWeight(buffer, { format: "f32", rows, columns: config.hiddenSize });
}
