/** Every kernel's spec, for tests and benches. A new kernel costs its two files and one line here. */
import { adamwSpecs, squaresSpecs } from "./adamw.ts";
import { attentionSpecs } from "./attention/attention.ts";
import { crossEntropyGradSpecs, crossEntropySpecs } from "./cross_entropy.ts";
import { decodeSpecs } from "./decode/decode_step.ts";
import { embedGradSpecs, embedSpecs } from "./embed.ts";
import { maskedAttentionGradSpecs, maskedAttentionSpecs } from "./attention/masked_attention.ts";
import { expertSpecs, matmulSpecs } from "./matmul/matmul.ts";
import { expertGradSpecs, matmulGradSpecs } from "./matmul/matmul_grad.ts";
import { qkNormRopeRowsSpecs, qkNormRopeSpecs } from "./attention/qk_norm_rope.ts";
import { qkNormRopeGradSpecs } from "./attention/qk_norm_rope_grad.ts";
import { rmsNormSpecs } from "./rms_norm.ts";
import { rmsNormGradSpecs } from "./rms_norm_grad.ts";
import { groupSpecs } from "./moe/group.ts";
import { poolSpecs } from "./moe/pool.ts";
import { routeSpecs } from "./moe/route.ts";
import { routeGradSpecs } from "./moe/route_grad.ts";
import type { KernelSpec } from "./spec.ts";
import { swigluGradSpecs, swigluSpecs } from "./moe/swiglu.ts";

export type { Arrays, Gradient, KernelSpec } from "./spec.ts";
export {
  type Binding,
  type Constants,
  type Dispatch,
  type KernelCall,
  Launcher,
  type Target,
  type WgslFile,
} from "./launch.ts";

/** Specs in the order of a forward pass, then of training. */
export const KERNEL_SPECS: readonly KernelSpec[] = [
  ...embedSpecs,
  ...rmsNormSpecs,
  ...matmulSpecs,
  ...qkNormRopeSpecs,
  ...attentionSpecs,
  ...poolSpecs,
  ...routeSpecs,
  ...groupSpecs,
  ...expertSpecs,
  ...decodeSpecs,
  ...crossEntropySpecs,
  ...crossEntropyGradSpecs,
  ...swigluSpecs,
  ...swigluGradSpecs,
  ...rmsNormGradSpecs,
  ...qkNormRopeRowsSpecs,
  ...qkNormRopeGradSpecs,
  ...matmulGradSpecs,
  ...expertGradSpecs,
  ...routeGradSpecs,
  ...embedGradSpecs,
  ...squaresSpecs,
  ...adamwSpecs,
  ...maskedAttentionSpecs,
  ...maskedAttentionGradSpecs,
] as unknown as KernelSpec[];

/** The spec of a kernel's name, with one of its shapes alone. */
function specAt(name: string, shape: number): KernelSpec {
  const spec = KERNEL_SPECS.find((spec) => spec.name === name)!;
  return { ...spec, shapes: [spec.shapes[shape]] };
}

/**
 * Kernels with a form that uses optional features, at shapes that take those forms: checked on each device
 * before they are trusted.
 */
export const OPTIONAL_SPECS: readonly KernelSpec[] = [
  specAt("rms_norm", 1), // its gradient adds up the same way
  specAt("matmul f32", 3), // k and n divide by 8: eight values a load, and a store
  specAt("attention f32", 1),
  specAt("experts up f32", 2),
  specAt("experts up q4", 3), // tiles of 4 rows: whole blocks
  specAt("matmul q4 int8", 1), // a GPU's loop on any target
  specAt("decode step", 1), // a greedy head's parts meet by shuffles
  specAt("matmul input gradient", 1),
  specAt("matmul weight gradient", 1),
  specAt("masked_attention", 0), // its gradient walks and reads the same way
  specAt("swiglu_grad routed", 1),
];

/** Kernels of a forward pass with a form for GPUs alone, at shapes of several subgroups. */
export const GPU_SPECS: readonly KernelSpec[] = [
  specAt("rms_norm", 3),
  specAt("matmul f32", 5), // as a router: a weight row a team
  specAt("matmul f16", 6),
  specAt("matmul f16", 7), // the tile of a prompt
  specAt("matmul q8", 6),
  specAt("matmul q4", 6),
  specAt("matmul q8 int8", 6),
  specAt("qk_norm_rope", 2),
  specAt("attention f16", 2), // the smallest tile, and the largest
  specAt("attention f16", 6),
  specAt("attention f16", 3), // spans one after the other, and split
  specAt("attention f16", 5),
  specAt("route", 3),
  specAt("group", 3),
  specAt("experts up q4", 3),
  specAt("experts up q4 int8", 3),
  specAt("experts up f16", 4), // tiles of two rows
  specAt("experts down f16", 4),
  specAt("decode step", 1),
  specAt("decode step, whole logits", 1),
];
