/**
 * The LLaDA2-MoE forward pass over a ragged batch of rows, as a list of dispatches recorded again and
 * again (spec/model.md section 3). T rows, H hidden size, Hq and Hkv heads of D channels, E experts.
 */
import { attentionKernel } from "../../kernels/attention/attention.ts";
import type { SplitAttention } from "../../kernels/attention/attention_call.ts";
import { embedKernel } from "../../kernels/embed.ts";
import { type Dispatch, type Launcher, onlyFor } from "../../kernels/launch.ts";
import { matmulKernel } from "../../kernels/matmul/matmul.ts";
import { qkNormRopeKernel } from "../../kernels/attention/qk_norm_rope.ts";
import { rmsNormKernel } from "../../kernels/rms_norm.ts";
import type { ModelConfig } from "./config.ts";
import { headsOf, normOf, rotaryOf } from "./kernel_shapes.ts";
import type { KvCache } from "./kv_cache.ts";
import type { PassBuffers } from "./pass_buffers.ts";
import { choicesOf, expertTiles, groupingKernel, groupsOf, routingKernels } from "./routing.ts";
import type { LayerWeights, Weights } from "./weights.ts";

/** Everything a forward pass is made of. */
export interface ForwardParts {
  readonly config: ModelConfig;
  readonly weights: Weights;
  readonly kv: KvCache;
  /** [positions, 2, rotary / 2] */
  readonly rope: GPUBuffer;
  readonly buffers: PassBuffers;
  readonly split?: SplitAttention;
  /** For passes of FEW_CPU_ROWS rows at most. */
  readonly few?: boolean;
}

/** Outputs that still have to join the residual stream. */
interface Pending {
  readonly add: GPUBuffer;
  readonly addends: number;
}

/**
 * Prepares the dispatches of one forward pass, up to the head's input h, in order; labels name layer and
 * step. The head depends on what is to become of its logits: see `headPass` and `storedHead`.
 */
export async function forwardPass(launcher: Launcher, parts: ForwardParts): Promise<Dispatch[]> {
  const { config: c, weights, buffers: b } = parts;
  const dispatches = await embedKernel(launcher, {
    label: "embed",
    ...b,
    table: weights.embedding,
  });
  let pending: Pending = { add: b.mlp, addends: 0 };
  for (const [index, layer] of weights.layers.entries()) {
    const name = `layers.${index}`;
    dispatches.push(...await attentionBlock(launcher, parts, { index, layer, pending }));
    const mlp = layer.router
      ? await moe(launcher, parts, { name, layer })
      : await denseMlp(launcher, parts, { name, layer });
    dispatches.push(...mlp);
    pending = { add: b.mlp, addends: layer.router ? choicesOf(c) : 1 };
  }
  dispatches.push(
    // Rows that need logits come first, and only they go on from here.
    ...await rmsNormKernel(launcher, {
      label: "norm",
      ...b,
      ...pending,
      rowsAt: 1,
      w: weights.norm,
      width: c.hiddenSize,
      eps: c.rmsNormEps,
    }),
  );
  return dispatches;
}

/** What a head is made of. */
export type HeadParts = Pick<ForwardParts, "weights" | "buffers" | "few">;

/** Prepares the head for greedy draws: partial results instead of logits. */
export function headPass(
  launcher: Launcher,
  { weights, buffers: b, few }: HeadParts,
  { partials, mask }: { partials: GPUBuffer; mask: number },
): Promise<Dispatch[]> {
  const head = { live: b.live, rowsAt: 1 as const, x: b.h, w: weights.lmHead, few };
  return matmulKernel(launcher, { label: "lm_head", ...head, y: partials, head: { mask } });
}

/** Prepares the head that stores whole rows of logits [logit rows, vocabulary]. */
export function storedHead(
  launcher: Launcher,
  { weights, buffers: b }: HeadParts,
  logits: GPUBuffer,
): Promise<Dispatch[]> {
  const head = { live: b.live, rowsAt: 1 as const, x: b.h, w: weights.lmHead };
  return matmulKernel(launcher, { label: "lm_head stored", ...head, y: logits });
}

/** x += pending; x gets attention's output as the next pending: input norm to output projection. */
async function attentionBlock(
  launcher: Launcher,
  { config: c, kv, rope, buffers: b, split, few }: ForwardParts,
  { index, layer, pending }: { index: number; layer: LayerWeights; pending: Pending },
): Promise<Dispatch[]> {
  const name = `layers.${index}`;
  const heads = headsOf(c);
  const norm = { live: b.live, x: b.x, h: b.h, ...normOf(c) };
  return [
    ...await rmsNormKernel(launcher, {
      label: `${name}.input_norm`,
      ...norm,
      ...pending,
      w: layer.inputNorm,
    }),
    ...await matmulKernel(launcher, {
      label: `${name}.qkv`,
      live: b.live,
      x: b.h,
      w: layer.qkv,
      y: b.qkv,
      few,
    }),
    ...await qkNormRopeKernel(launcher, {
      label: `${name}.qk_norm_rope`,
      live: b.live,
      rows: b.rows,
      kv: kv.view(index),
      qkv: b.qkv,
      norm: layer.qkNorm,
      rope,
      ...rotaryOf(c),
    }),
    ...await attentionKernel(launcher, {
      label: `${name}.attention`,
      live: b.live,
      rows: b.rows,
      kv: kv.view(index),
      qkv: b.qkv,
      stride: heads.heads + 2 * heads.kvHeads,
      out: b.attention,
      split,
      ...heads,
    }),
    ...await matmulKernel(launcher, {
      label: `${name}.dense`,
      live: b.live,
      x: b.attention,
      w: layer.dense,
      y: b.projected,
      few,
    }),
    ...await rmsNormKernel(launcher, {
      label: `${name}.post_norm`,
      ...norm,
      add: b.projected,
      addends: 1,
      w: layer.postNorm,
    }),
  ];
}

/** mlp = down(silu(gate(h)) * up(h)). */
async function denseMlp(
  launcher: Launcher,
  { buffers: b, few }: ForwardParts,
  { name, layer }: { name: string; layer: LayerWeights },
): Promise<Dispatch[]> {
  const up = { live: b.live, x: b.h, w: layer.up, y: b.activation, pair: true, few };
  const down = { live: b.live, x: b.activation, w: layer.down, y: b.mlp, few };
  return [
    ...await matmulKernel(launcher, { label: `${name}.up`, ...up }),
    ...await matmulKernel(launcher, { label: `${name}.down`, ...down }),
  ];
}

/** mlp[row, choice] = weight * expert(h[row]); the next norm sums the choices in order. */
async function moe(
  launcher: Launcher,
  { config: c, buffers: b, few }: ForwardParts,
  { name, layer }: { name: string; layer: LayerWeights },
): Promise<Dispatch[]> {
  const { live, h } = b;
  const dispatches = await routingKernels(launcher, {
    config: c,
    name,
    live,
    h,
    ...layer.router!,
    buffers: b,
    few,
  });
  for (const { tileRows, unlisted, takes } of expertTiles(c, launcher.target)) {
    const lists = { config: c, name, live, buffers: b, tileRows };
    const pairs = unlisted ? { chosen: b.chosen, found: b.pairs! } : undefined;
    const groups = { ...groupsOf(c, lists), pairs };
    const tiled = [
      ...unlisted ? [] : await groupingKernel(launcher, lists),
      ...await matmulKernel(launcher, {
        label: `${name}.experts.up`,
        live,
        x: h,
        w: layer.up,
        y: b.activation,
        pair: true,
        groups: { ...groups, side: "up" },
      }),
      ...await matmulKernel(launcher, {
        label: `${name}.experts.down`,
        live,
        x: b.activation,
        w: layer.down,
        y: b.mlp,
        groups: { ...groups, side: "down" },
      }),
    ];
    dispatches.push(...onlyFor(takes, tiled));
  }
  return dispatches;
}
