/** A GPU's tiles of attention side by side: a block of mini's rows over its own keys, and behind a long context. */
import { attentionSpecs } from "../kernels/attention/attention.ts";
import { PAGE } from "../kernels/attention/kv_cache.ts";
import { BufferPool } from "../lib/gpu/buffers.ts";
import type { Gpu } from "../lib/gpu/device.ts";
import type { Ceilings } from "./kernels.ts";
import type { Report } from "./report.ts";
import { timeDispatches } from "./timing.ts";

/** Queries of a tile. */
const QUERIES = [8, 16, 32];

/** Pages that the rows see, and rows up to which spans of them are split. */
const CONTEXTS = [[1, 0], [4, 0], [128, 32]];

const BLOCK = 32;

/** Times each tile at each context. */
export async function benchAttentionTiles(
  gpu: Gpu,
  report: Report,
  best: Ceilings,
): Promise<void> {
  const spec = attentionSpecs.find(({ name }) => name === "attention f16")!;
  const heads = { heads: 16, kvHeads: 4, headDim: 128 };
  for (const [pages, split] of CONTEXTS) {
    const pool = new BufferPool(gpu);
    const shape = { rows: BLOCK, block: BLOCK, ...heads, pages, split };
    const inputs = Object.entries(spec.inputs({ ...shape, tile: 0 }));
    const buffers = Object.fromEntries(
      inputs.map(([name, data]) => [name, pool.upload(name, data)]),
    );
    const prepared = await Promise.all(
      QUERIES.map((tile) => spec.prepare(gpu.launcher, { ...shape, tile }, buffers)),
    );
    const times = QUERIES.map(() => Infinity);
    // In turns: a device's clock may change while they are timed.
    for (let turn = 0; turn < 3; turn++) {
      for (const [i, dispatches] of prepared.entries()) {
        const timing = { rows: BLOCK, keys: pages * PAGE, targetMs: 15, samples: 2, heatMs: 50 };
        const { wall } = await timeDispatches(gpu, dispatches, timing);
        times[i] = Math.min(times[i], wall);
      }
    }
    for (const [i, tile] of QUERIES.entries()) {
      const [bytes, flops] = [spec.bytes({ ...shape, tile }), spec.flops({ ...shape, tile })];
      const [gbps, gflops] = [bytes / times[i] / 1e6, flops / times[i] / 1e6];
      report.add({
        group: "tiles",
        name: spec.name,
        shape: `rows=${BLOCK} keys=${pages * PAGE}`,
        ms: times[i],
        gbps,
        gflops,
        share: Math.max(gbps / best.gbps, gflops / best.gflops),
        note: `${tile} queries`,
      });
    }
    pool.destroy();
  }
}
