/** Every kernel's spec, for tests and benches. A new kernel costs its two files and one line here. */
import attentionSubgroup from "./attention_subgroup.wgsl" with { type: "text" };
import gradientSubgroup from "./matmul_grad_subgroup.wgsl" with { type: "text" };
import matmulSubgroup from "./matmul_subgroup.wgsl" with { type: "text" };
import runsWide from "./runs_wide.wgsl" with { type: "text" };
import { adamwSpecs, squaresSpecs } from "./adamw.ts";
import { attentionSpecs } from "./attention.ts";
import { crossEntropyGradSpecs, crossEntropySpecs } from "./cross_entropy.ts";
import { embedGradSpecs, embedSpecs } from "./embed.ts";
import { expertSpecs, matmulSpecs } from "./matmul.ts";
import { expertGradSpecs, matmulGradSpecs } from "./matmul_grad.ts";
import { qkNormRopeRowsSpecs, qkNormRopeSpecs } from "./qk_norm_rope.ts";
import { qkNormRopeGradSpecs } from "./qk_norm_rope_grad.ts";
import { rmsNormGradSpecs, rmsNormSpecs } from "./rms_norm.ts";
import { groupSpecs, routeGradSpecs, routeSpecs } from "./route.ts";
import type { KernelSpec } from "./spec.ts";
import { swigluGradSpecs, swigluSpecs } from "./swiglu.ts";

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
  ...routeSpecs,
  ...groupSpecs,
  ...expertSpecs,
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
] as unknown as KernelSpec[];

/** Kernels with a form that uses optional features: checked on each device before they are trusted. */
export const OPTIONAL_SPECS: readonly KernelSpec[] = [
  matmulSpecs[0],
  attentionSpecs[0],
  expertSpecs[0],
  ...matmulGradSpecs,
] as unknown as KernelSpec[];

/** WGSL of those forms: what a verdict about a device was about. */
export const OPTIONAL_SOURCES: readonly string[] = [
  attentionSubgroup,
  matmulSubgroup,
  gradientSubgroup,
  runsWide,
];
