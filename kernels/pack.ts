/** How many values a kernel's lanes load and store at once. */
import eight from "./pack_eight.wgsl" with { type: "text" };
import four from "./pack_four.wgsl" with { type: "text" };
import type { Launcher, WgslFile } from "./launch.ts";

/** Eight values. */
export const PACK_EIGHT: WgslFile = { name: "kernels/pack_eight.wgsl", text: eight };
const PACK_FOUR: WgslFile = { name: "kernels/pack_four.wgsl", text: four };

/** A pack of FOURS groups of four values. */
export interface Packs {
  /** Defines the type `Pack`, `fours` and `pack_of`; wants FOURS. */
  readonly file: WgslFile;
  readonly FOURS: number;
}

/** Packs of rows of `width` values, a multiple of 4: eight on a CPU driver that has 64-bit integers, else four. */
export function packOf({ target, int64 }: Launcher, width: number): Packs {
  return target === "cpu" && int64 && width % 8 === 0
    ? { file: PACK_EIGHT, FOURS: 2 }
    : { file: PACK_FOUR, FOURS: 1 };
}
