/**
 * Backward kernels of one decoder layer over the rows of a training pass, in order (spec/model.md section 8). They
 * read what layer_forward.ts left: T rows, H hidden size, A = T * choices assignments to experts.
 */
import type { Dispatch, Launcher } from "../../kernels/launch.ts";
import { maskedAttentionGradKernel } from "../../kernels/attention/masked_attention.ts";
import { matmulInputGradKernel, matmulWeightGradKernel } from "../../kernels/matmul/matmul_grad.ts";
import { qkNormRopeGradKernel } from "../../kernels/attention/qk_norm_rope_grad.ts";
import { rmsNormGradKernel } from "../../kernels/rms_norm_grad.ts";
import { routeGradKernel } from "../../kernels/moe/route_grad.ts";
import { swigluGradKernel } from "../../kernels/moe/swiglu.ts";
import { gateOf, headsOf, normOf, rotaryOf } from "../model/kernel_shapes.ts";
import { choicesOf } from "../model/routing.ts";
import { layerGroups, type LayerParts } from "./layer_parts.ts";
import type { Parameters } from "./parameters.ts";

/** pass.dx, the gradient of the layer's output, becomes that of its input; parameters' gradients grow. */
export async function layerBackward(launcher: Launcher, parts: LayerParts): Promise<Dispatch[]> {
  const { config: c, parameters, pass, layer, index, rope, rows } = parts;
  const { live, dx, dh } = pass;
  const name = `model.layers.${index}`;
  const isMoe = parts.bias !== undefined;
  const projection = (
    tensor: string,
    { x, dy, dinput }: Record<"x" | "dy" | "dinput", GPUBuffer>,
  ) =>
    projectionBackward(launcher, parameters, {
      name: `${name}.${tensor}`,
      live,
      x,
      dy,
      dinput,
      rows,
    });
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
      ...normOf(c),
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
      ...headsOf(c),
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
      ...rotaryOf(c),
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
  { name, live, rowsAt, x, dy, dinput, rows }: {
    name: string;
    live: GPUBuffer;
    rowsAt?: 0 | 1;
    x: GPUBuffer;
    dy: GPUBuffer;
    dinput: GPUBuffer;
    /** Most rows of a pass. */
    rows: number;
  },
): Promise<Dispatch[]> {
  const w = parameters.matrix(name);
  const dw = parameters.matrix(name, "gradients");
  const common = { live, rowsAt, dy };
  return [
    ...await matmulInputGradKernel(launcher, { label: `${name} dx`, ...common, w, dx: dinput }),
    ...await matmulWeightGradKernel(launcher, { label: `${name} dw`, ...common, x, dw, rows }),
  ];
}

/** pass.dh = gradient of the MLP's normed input. */
async function denseBackward(launcher: Launcher, parts: LayerParts): Promise<Dispatch[]> {
  const { config: c, parameters, pass, layer, index, rows } = parts;
  const { live } = pass;
  const name = `model.layers.${index}.mlp`;
  const down = { name: `${name}.down`, live, x: layer.activation, dy: pass.dx, rows };
  const up = { name: `${name}.up`, live, x: layer.h2, dy: pass.dgateUp, rows };
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
  const { config: c, parameters, pass, layer, index, rows } = parts;
  const { live } = pass;
  const name = `model.layers.${index}.mlp`;
  const groups = layerGroups(launcher, parts);
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
      ...await matmulWeightGradKernel(launcher, { label: `${label} dw`, ...common, x, dw, rows }),
    ];
  };
  const router = { name: `${name}.gate`, live, x: layer.h2, dy: pass.drouterLogits, rows };
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
      ...gateOf(c),
    }),
    ...await expert("up", { x: layer.h2, dy: pass.dgateUp, dx: pass.dmlp }),
    ...await projectionBackward(launcher, parameters, { ...router, dinput: pass.dh }),
  ];
}
