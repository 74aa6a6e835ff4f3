/** Every kernel's spec, for tests and benches. A new kernel costs its two files and one line here. */
import { attentionSpecs } from "./attention.ts";
import { embedSpecs } from "./embed.ts";
import { expertSpecs, matmulSpecs } from "./matmul.ts";
import { qkNormRopeSpecs } from "./qk_norm_rope.ts";
import { rmsNormSpecs } from "./rms_norm.ts";
import { groupSpecs, routeSpecs } from "./route.ts";
import type { KernelSpec } from "./spec.ts";

export type { Arrays, KernelSpec } from "./spec.ts";
export {
  type Binding,
  type Constants,
  type Dispatch,
  type KernelCall,
  Launcher,
  type Target,
  type WgslFile,
} from "./launch.ts";

/** Specs in the order of a forward pass. */
export const KERNEL_SPECS: readonly KernelSpec[] = [
  ...embedSpecs,
  ...rmsNormSpecs,
  ...matmulSpecs,
  ...qkNormRopeSpecs,
  ...attentionSpecs,
  ...routeSpecs,
  ...groupSpecs,
  ...expertSpecs,
] as unknown as KernelSpec[];
