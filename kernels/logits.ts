/** How kernels load rows of logits. */
import f32 from "./logits_f32.wgsl" with { type: "text" };
import vec4 from "./logits_vec4.wgsl" with { type: "text" };
import type { WgslFile } from "./launch.ts";

/** Defines `load_four`, `load_one` and `store_four` over binding 2; wants `p.vocab` and `LOWEST`. */
export function logitsFile(vocab: number): WgslFile {
  return vocab % 4 === 0
    ? { name: "kernels/logits_vec4.wgsl", text: vec4 }
    : { name: "kernels/logits_f32.wgsl", text: f32 };
}
