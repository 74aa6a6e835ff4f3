/** Block routing: the experts that the rows of a block may choose from. */
import source from "./pool.wgsl" with { type: "text" };
import { CPU_LANES, type Dispatch, type Launcher } from "../launch.ts";
import { type KernelSpec, liveRows, uniform } from "../spec.ts";
import { EXCLUDED, sigmoid } from "./route.ts";

/** How few experts a block of rows shares (LLaDA2.2's `expert_capacity` and `block_size`). */
export interface BlockRouting {
  /** Rows of a block, which follow each other in a pass. */
  readonly rows: number;
  /** Experts that they may choose from. */
  readonly capacity: number;
}

/** Experts that a workgroup compares one with between two turns of a loop. */
const STRIDE = 8;

/** Experts a lane of a CPU driver takes at most, so that its turns stay below MOST_TURNS. */
const MOST_EXPERTS = 64;

/** Prepares the choice of each block's experts, from the router's logits. */
export async function poolKernel(
  launcher: Launcher,
  options: {
    readonly label: string;
    readonly live: GPUBuffer;
    /** [rows, experts] */
    readonly logits: GPUBuffer;
    /** [experts] */
    readonly bias: GPUBuffer;
    /** [blocks, experts] the bias of experts in the pool; what no row chooses for the others. */
    readonly pool: GPUBuffer;
    readonly experts: number;
    readonly block: BlockRouting;
  },
): Promise<Dispatch> {
  const { label, experts, block } = options;
  let lanes = launcher.target === "gpu" ? 256 : CPU_LANES;
  while (experts > lanes * MOST_EXPERTS) lanes *= 2;
  return await launcher.prepare({
    label,
    files: [{ name: "kernels/moe/pool.wgsl", text: source }],
    constants: {
      LANES: lanes,
      EXPERTS: experts,
      PADDED: Math.ceil(experts / STRIDE) * STRIDE,
      STRIDE,
    },
    params: { rows_at: 0, block: block.rows, capacity: block.capacity },
    bindings: [options.live, options.logits, options.bias, options.pool],
    groups: (rows) => [Math.ceil(rows / block.rows)],
  });
}

type PoolShape = { rows: number; block: number; experts: number; capacity: number };

/** Biases of each block's pool. */
function poolsOf(
  { rows, block, experts, capacity }: PoolShape,
  { logits, bias }: { logits: ArrayLike<number>; bias: ArrayLike<number> },
): number[] {
  return Array.from({ length: Math.ceil(rows / block) }, (_, b) => {
    const end = Math.min(rows, (b + 1) * block);
    const best = Array.from({ length: experts }, (_, e) => {
      let most = -Infinity;
      for (let r = b * block; r < end; r++) {
        most = Math.max(most, sigmoid(logits[r * experts + e]) + bias[e]);
      }
      return most;
    });
    const order = best.map((_, e) => e).toSorted((d, e) => best[e] - best[d] || d - e);
    const stays = new Set(order.slice(0, capacity));
    return best.map((_, e) => stays.has(e) ? bias[e] : EXCLUDED);
  }).flat();
}

/** Checks and times the pools, of scores all different and of many that are equal. */
export const poolSpecs: KernelSpec<PoolShape>[] = [false, true].map((ties) => ({
  name: ties ? "pool ties" : "pool",
  shapes: [
    { rows: 1, block: 1, experts: 1, capacity: 1 },
    { rows: 5, block: 2, experts: 7, capacity: 3 },
    { rows: 40, block: 8, experts: 17, capacity: 16 },
    { rows: 33, block: 32, experts: 256, capacity: 48 },
    { rows: 3, block: 4, experts: 600, capacity: 500 },
  ],
  benchShapes: ties ? [] : [{ rows: 32, block: 32, experts: 256, capacity: 48 }],
  tolerance: 0, // biases are copied
  inputs: ({ rows, block, experts }) => {
    const logits = uniform(rows * experts, 1, 4);
    const bias = uniform(experts, 2, 0.3);
    return {
      live: liveRows(rows),
      logits: ties ? logits.map(Math.round) : logits,
      bias: ties ? bias.map((b) => b < 0 ? 0 : 0.125) : bias,
      pool: uniform(Math.ceil(rows / block) * experts, 3),
    };
  },
  reference: (shape, { logits, bias }) => ({ pool: poolsOf(shape, { logits, bias }) }),
  prepare: async (launcher, { block: rows, experts, capacity }, { live, logits, bias, pool }) => [
    await poolKernel(launcher, {
      ...{ label: "pool", live, logits, bias, pool, experts },
      block: { rows, capacity },
    }),
  ],
  rows: ({ rows }) => rows,
  bytes: ({ rows, block, experts }) => 4 * experts * (rows + 1 + Math.ceil(rows / block)),
  flops: ({ rows, block, experts }) => experts * (rows + Math.ceil(rows / block) * (experts + 4)),
}));
