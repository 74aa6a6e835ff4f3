/**
 * Forward and backward kernels of one decoder layer over the rows of a training pass, in order
 * (spec/model.md sections 3 and 8). T rows, H hidden size, A = T * choices assignments to experts.
 */
import type { Dispatch, Launcher } from "../../kernels/launch.ts";
import {
  maskedAttentionGradKernel,
  maskedAttentionKernel,
} from "../../kernels/masked_attention.ts";
import { matmulKernel } from "../../kernels/matmul.ts";
import { matmulInputGradKernel, matmulWeightGradKernel } from "../../kernels/matmul_grad.ts";
import { qkNormRopeRowsKernel } from "../../kernels/qk_norm_rope.ts";
import { qkNormRopeGradKernel } from "../../kernels/qk_norm_rope_grad.ts";
import { rmsNormGradKernel, rmsNormKernel } from "../../kernels/rms_norm.ts";
import { type GateShape, groupKernel, routeGradKernel, routeKernel } from "../../kernels/route.ts";
import { swigluGradKernel, swigluKernel } from "../../kernels/swiglu.ts";
import type { ModelConfig } from "../model/config.ts";
import { choicesOf, expertTileRows } from "../model/forward.ts";
import type { LayerBuffers, PassBuffers } from "./activations.ts";
import type { Parameters } from "./parameters.ts";

/** What a layer's kernels are prepared from. */
export interface LayerParts {
  readonly config: ModelConfig;
  readonly parameters: Parameters;
  readonly pass: PassBuffers;
  readonly layer: LayerBuffers;
  /** Experts' biases; absent in dense layers. */
  readonly bias?: GPUBuffer;
  /** Rotary table [positions, 2, rotary / 2]. */
  readonly rope: GPUBuffer;
  readonly index: number;
  /** Most rows of a pass. */
  readonly rows: number;
}

/** What joins the residual stream at the layer's entry. */
export interface Pending {
  readonly x: GPUBuffer;
  readonly add: GPUBuffer;
  readonly addends: number;
}

/** What an MLP adds to the residual stream: one addend a choice. */
export function mlpAddends(c: ModelConfig, index: number): number {
  return index >= c.firstKDenseReplace ? choicesOf(c) : 1;
}

function heads(c: ModelConfig) {
  return { heads: c.numAttentionHeads, kvHeads: c.numKeyValueHeads, headDim: c.headDim };
}

function norm(c: ModelConfig) {
  return { width: c.hiddenSize, eps: c.rmsNormEps };
}

function rotary(c: ModelConfig) {
  return { ...heads(c), rotaryDim: c.rotaryDim, qkNorm: c.useQkNorm, eps: c.rmsNormEps };
}

function gate(c: ModelConfig): GateShape {
  return {
    experts: c.numExperts,
    groups: c.nGroup,
    topGroups: c.topkGroup,
    topK: c.numExpertsPerTok,
    sharedExperts: c.numSharedExperts,
    normalize: c.normTopkProb,
    scaling: c.routedScalingFactor,
  };
}

function grouped({ config: c, layer }: LayerParts) {
  const { order, tiles, segments, routing } = layer;
  return { order, tiles, segments, routing, choices: choicesOf(c), tileRows: expertTileRows(c) };
}

/**
 * x' = x + sum of what is pending; pass.mlp = what the layer's MLP adds. Without `pending` the layer's
 * input is there already and everything behind it is computed again.
 */
export async function layerForward(
  launcher: Launcher,
  parts: LayerParts,
  pending?: Pending,
): Promise<Dispatch[]> {
  const { config: c, parameters, pass, layer, index, rope } = parts;
  const { live } = pass;
  const name = `model.layers.${index}`;
  const matrix = (tensor: string) => parameters.matrix(`${name}.${tensor}`);
  const vector = (tensor: string) => parameters.vector(`${name}.${tensor}`);
  return [
    ...await rmsNormKernel(launcher, {
      label: `${name}.input_norm`,
      live,
      ...pending ?? { x: layer.x, add: pass.projected, addends: 0 },
      sum: pending && layer.x,
      w: vector("input_layernorm.weight"),
      h: layer.h,
      ...norm(c),
    }),
    ...await matmulKernel(launcher, {
      label: `${name}.qkv`,
      live,
      x: layer.h,
      w: matrix("attention.query_key_value.weight"),
      y: layer.qkv,
    }),
    ...await qkNormRopeRowsKernel(launcher, {
      label: `${name}.qk_norm_rope`,
      live,
      rows: pass.rows,
      qkv: layer.qkv,
      turned: layer.turned,
      norm: vector("attention.qk_norm"),
      rope,
      ...rotary(c),
    }),
    ...await maskedAttentionKernel(launcher, {
      label: `${name}.attention`,
      live,
      spans: pass.spans,
      qkv: layer.turned,
      out: layer.attention,
      lse: layer.lse,
      ...heads(c),
    }),
    ...await matmulKernel(launcher, {
      label: `${name}.dense`,
      live,
      x: layer.attention,
      w: matrix("attention.dense.weight"),
      y: pass.projected,
    }),
    ...await rmsNormKernel(launcher, {
      label: `${name}.post_norm`,
      live,
      x: layer.x,
      add: pass.projected,
      addends: 1,
      sum: layer.middle,
      w: vector("post_attention_layernorm.weight"),
      h: layer.h2,
      ...norm(c),
    }),
    ...await (parts.bias ? moeForward : denseForward)(launcher, parts),
  ];
}

async function denseForward(launcher: Launcher, parts: LayerParts): Promise<Dispatch[]> {
  const { config: c, parameters, pass, layer, index } = parts;
  const name = `model.layers.${index}.mlp`;
  const { live } = pass;
  return [
    ...await matmulKernel(launcher, {
      label: `${name}.up`,
      live,
      x: layer.h2,
      w: parameters.matrix(`${name}.up`),
      y: layer.gateUp,
    }),
    ...await swigluKernel(launcher, {
      label: `${name}.swiglu`,
      live,
      x: layer.gateUp,
      y: layer.activation,
      perRow: 1,
      width: c.intermediateSize,
    }),
    ...await matmulKernel(launcher, {
      label: `${name}.down`,
      live,
      x: layer.activation,
      w: parameters.matrix(`${name}.down`),
      y: pass.mlp,
    }),
  ];
}

async function moeForward(launcher: Launcher, parts: LayerParts): Promise<Dispatch[]> {
  const { config: c, parameters, pass, layer, index, bias } = parts;
  const name = `model.layers.${index}.mlp`;
  const { live } = pass;
  const groups = grouped(parts);
  const { chosen, routing, order, tiles, segments } = layer;
  return [
    ...await matmulKernel(launcher, {
      label: `${name}.router`,
      live,
      x: layer.h2,
      w: parameters.matrix(`${name}.gate`),
      y: layer.routerLogits,
    }),
    ...await routeKernel(launcher, {
      label: `${name}.route`,
      live,
      logits: layer.routerLogits,
      bias: bias!,
      chosen,
      routing,
      ...gate(c),
    }),
    ...await groupKernel(launcher, {
      label: `${name}.group`,
      live,
      chosen,
      order,
      tiles,
      segments,
      experts: c.numExperts + c.numSharedExperts,
      choices: groups.choices,
      tileRows: groups.tileRows,
    }),
    ...await matmulKernel(launcher, {
      label: `${name}.experts.up`,
      live,
      x: layer.h2,
      w: parameters.matrix(`${name}.experts.up`),
      y: layer.gateUp,
      groups: { ...groups, side: "up" },
    }),
    ...await swigluKernel(launcher, {
      label: `${name}.swiglu`,
      live,
      x: layer.gateUp,
      y: layer.activation,
      perRow: groups.choices,
      width: c.moeIntermediateSize,
    }),
    ...await matmulKernel(launcher, {
      label: `${name}.experts.down`,
      live,
      x: layer.activation,
      w: parameters.matrix(`${name}.experts.down`),
      y: pass.mlp,
      groups: { ...groups, side: "down" },
    }),
  ];
}

/** pass.dx, the gradient of the layer's output, becomes that of its input; parameters' gradients grow. */
export async function layerBackward(launcher: Launcher, parts: LayerParts): Promise<Dispatch[]> {
  const { config: c, parameters, pass, layer, index, rope, rows } = parts;
  const { live, dx, dh } = pass;
  const name = `model.layers.${index}`;
  const isMoe = parts.bias !== undefined;
  const projection = (
    tensor: string,
    { x, dy, dinput }: Record<"x" | "dy" | "dinput", GPUBuffer>,
  ) => projectionBackward(launcher, parameters, { name: `${name}.${tensor}`, live, x, dy, dinput });
  const normBackward = (
    tensor: string,
    input: GPUBuffer,
    { add, addends }: { add: GPUBuffer; addends: number },
  ) =>
    rmsNormGradKernel(launcher, {
      label: `${name}.${tensor} gradient`,
      live,
      x: input,
      w: parameters.vector(`${name}.${tensor}`),
      dh,
      add,
      addends,
      dx,
      dw: parameters.vector(`${name}.${tensor}`, "gradients"),
      parts: pass.normParts,
      rows,
      ...norm(c),
    });
  return [
    ...await (isMoe ? moeBackward : denseBackward)(launcher, parts),
    ...await normBackward("post_attention_layernorm.weight", layer.middle, {
      add: pass.dmlp,
      addends: isMoe ? choicesOf(c) : 0,
    }),
    ...await projection("attention.dense.weight", {
      x: layer.attention,
      dy: dx,
      dinput: pass.dattention,
    }),
    ...await maskedAttentionGradKernel(launcher, {
      label: `${name}.attention gradient`,
      live,
      spans: pass.spans,
      queries: pass.queries,
      qkv: layer.turned,
      out: layer.attention,
      lse: layer.lse,
      dout: pass.dattention,
      dots: pass.dots,
      dqkv: pass.dqkv,
      ...heads(c),
    }),
    ...await qkNormRopeGradKernel(launcher, {
      label: `${name}.qk_norm_rope gradient`,
      live,
      rows: pass.rows,
      qkv: layer.qkv,
      norm: parameters.vector(`${name}.attention.qk_norm`),
      rope,
      dturned: pass.dqkv,
      dnorm: parameters.vector(`${name}.attention.qk_norm`, "gradients"),
      parts: pass.normParts,
      most: rows,
      ...rotary(c),
    }),
    ...await projection("attention.query_key_value.weight", {
      x: layer.h,
      dy: pass.dqkv,
      dinput: dh,
    }),
    ...await normBackward("input_layernorm.weight", layer.x, { add: dh, addends: 0 }),
  ];
}

/** Gradients of y = x . W^T with respect to x and W. */
export async function projectionBackward(
  launcher: Launcher,
  parameters: Parameters,
  { name, live, rowsAt, x, dy, dinput }: {
    name: string;
    live: GPUBuffer;
    rowsAt?: 0 | 1;
    x: GPUBuffer;
    dy: GPUBuffer;
    dinput: GPUBuffer;
  },
): Promise<Dispatch[]> {
  const w = parameters.matrix(name);
  const dw = parameters.matrix(name, "gradients");
  const common = { live, rowsAt, dy };
  return [
    ...await matmulInputGradKernel(launcher, { label: `${name} dx`, ...common, w, dx: dinput }),
    ...await matmulWeightGradKernel(launcher, { label: `${name} dw`, ...common, x, dw }),
  ];
}

/** pass.dh = gradient of the MLP's normed input. */
async function denseBackward(launcher: Launcher, parts: LayerParts): Promise<Dispatch[]> {
  const { config: c, parameters, pass, layer, index } = parts;
  const { live } = pass;
  const name = `model.layers.${index}.mlp`;
  const down = { name: `${name}.down`, live, x: layer.activation, dy: pass.dx };
  const up = { name: `${name}.up`, live, x: layer.h2, dy: pass.dgateUp };
  return [
    ...await projectionBackward(launcher, parameters, { ...down, dinput: pass.dactivation }),
    ...await swigluGradKernel(launcher, {
      label: `${name}.swiglu gradient`,
      live,
      x: layer.gateUp,
      dy: pass.dactivation,
      dx: pass.dgateUp,
      perRow: 1,
      width: c.intermediateSize,
    }),
    ...await projectionBackward(launcher, parameters, { ...up, dinput: pass.dh }),
  ];
}

/** pass.dh and the addends in pass.dmlp, one a choice, are the gradient of the MLP's normed input. */
async function moeBackward(launcher: Launcher, parts: LayerParts): Promise<Dispatch[]> {
  const { config: c, parameters, pass, layer, index } = parts;
  const { live } = pass;
  const name = `model.layers.${index}.mlp`;
  const groups = grouped(parts);
  const expert = async (
    side: "up" | "down",
    { x, dy, dx }: Record<"x" | "dy" | "dx", GPUBuffer>,
  ) => {
    const w = parameters.matrix(`${name}.experts.${side}`);
    const dw = parameters.matrix(`${name}.experts.${side}`, "gradients");
    const common = { live, dy, groups: { ...groups, side } };
    const label = `${name}.experts.${side}`;
    return [
      ...await matmulInputGradKernel(launcher, { label: `${label} dx`, ...common, w, dx }),
      ...await matmulWeightGradKernel(launcher, { label: `${label} dw`, ...common, x, dw }),
    ];
  };
  const router = { name: `${name}.gate`, live, x: layer.h2, dy: pass.drouterLogits };
  return [
    ...await expert("down", { x: layer.activation, dy: pass.dx, dx: pass.dactivation }),
    ...await swigluGradKernel(launcher, {
      label: `${name}.swiglu gradient`,
      live,
      x: layer.gateUp,
      dy: pass.dactivation,
      routing: layer.routing,
      dx: pass.dgateUp,
      drouting: pass.drouting,
      perRow: groups.choices,
      width: c.moeIntermediateSize,
    }),
    ...await routeGradKernel(launcher, {
      label: `${name}.route gradient`,
      live,
      logits: layer.routerLogits,
      chosen: layer.chosen,
      drouting: pass.drouting,
      dlogits: pass.drouterLogits,
      ...gate(c),
    }),
    ...await expert("up", { x: layer.h2, dy: pass.dgateUp, dx: pass.dmlp }),
    ...await projectionBackward(launcher, parameters, { ...router, dinput: pass.dh }),
  ];
}
