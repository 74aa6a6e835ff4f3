/** Gradients of a parameter that all rows share: partial sums of blocks of rows, then their sum. */
import source from "./sum_parts.wgsl" with { type: "text" };
import { CPU_LANES, type Dispatch, type Launcher } from "./launch.ts";

/** Prepares sum += parts of every block of `block` live rows, in order; `width` a multiple of 4. */
export async function sumPartsKernel(
  launcher: Launcher,
  options: {
    readonly label: string;
    readonly live: GPUBuffer;
    readonly rowsAt?: 0 | 1;
    /** [blocks of rows, width] */
    readonly parts: GPUBuffer;
    /** [width], added to */
    readonly sum: GPUBuffer;
    readonly width: number;
    readonly block: number;
  },
): Promise<Dispatch> {
  const { label, live, parts, sum, block } = options;
  const lanes = launcher.target === "gpu" ? 64 : CPU_LANES;
  const width4 = options.width / 4;
  return await launcher.prepare({
    label,
    files: [{ name: "kernels/sum_parts.wgsl", text: source }],
    constants: { LANES: lanes },
    params: { rows_at: options.rowsAt ?? 0, width4, block },
    bindings: [live, parts, sum],
    groups: () => [Math.ceil(width4 / lanes)],
  });
}
