/** Forward kernels of one decoder layer over the rows of a training pass, in order (spec/model.md section 3). */
import type { Dispatch, Launcher } from "../../kernels/launch.ts";
import { maskedAttentionKernel } from "../../kernels/attention/masked_attention.ts";
import { matmulKernel } from "../../kernels/matmul/matmul.ts";
import { qkNormRopeRowsKernel } from "../../kernels/attention/qk_norm_rope.ts";
import { rmsNormKernel } from "../../kernels/rms_norm.ts";
import { swigluKernel } from "../../kernels/moe/swiglu.ts";
import { headsOf, normOf, rotaryOf } from "../model/kernel_shapes.ts";
import { groupingKernel, routingKernels } from "../model/routing.ts";
import { layerGroups, type LayerParts, type Pending } from "./layer_parts.ts";

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
      ...normOf(c),
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
      ...rotaryOf(c),
    }),
    ...await maskedAttentionKernel(launcher, {
      label: `${name}.attention`,
      live,
      spans: pass.spans,
      qkv: layer.turned,
      out: layer.attention,
      lse: layer.lse,
      ...headsOf(c),
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
      ...normOf(c),
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
  const groups = layerGroups(launcher, parts);
  return [
    ...await routingKernels(launcher, {
      config: c,
      name,
      live,
      h: layer.h2,
      gate: parameters.matrix(`${name}.gate`),
      bias: bias!,
      buffers: layer,
    }),
    ...await groupingKernel(launcher, {
      config: c,
      name,
      live,
      buffers: layer,
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
