/** What runs under the sanitizer, and the devices that it makes up. */
import assert from "@std/assert";
import { PHASE } from "../../../kernels/decode/slots.ts";
import { KERNEL_SPECS, type KernelSpec } from "../../../kernels/mod.ts";
import { resolveDecode } from "../../../lib/diffusion/options.ts";
import { BufferPool } from "../../../lib/gpu/buffers.ts";
import type { Gpu } from "../../../lib/gpu/device.ts";
import type { ModelOptions } from "../../../lib/model/model.ts";
import { GOLDEN, goldenOptions, withConfig, withEngine } from "../../fixtures.ts";
import { decodeAll, runBlock, runStep } from "../../lib/diffusion/drive.ts";
import { checkStep, MASK, withTrainer } from "../../lib/train/golden.ts";
import { checkSpec } from "../check_spec.ts";
import { sanitizedGpu, type SanitizedOptions } from "./device.ts";

/** Devices: their kernels' shape, subgroups, 64-bit integers. Orders of lanes take turns. */
export const DEVICES: readonly SanitizedOptions[] = [
  { target: "cpu" },
  { target: "cpu", int64: true, order: "descending" },
  { target: "cpu", subgroupSize: 8, order: "shuffled" },
  { target: "cpu", subgroupSize: 8, int64: true },
  { target: "gpu", order: "shuffled" },
  { target: "gpu", subgroupSize: 8, order: "descending" },
  { target: "gpu", subgroupSize: 32 },
  { target: "gpu", subgroupSize: 64, int64: true, order: "shuffled" },
  { target: "gpu", subgroupSize: 32, leastSubgroup: 8, order: "descending" },
];

/** Something that runs kernels on a device, and throws at wrong values. */
export interface Run {
  readonly name: string;
  run(gpu: Gpu): Promise<void>;
  /** Of a kernel alone: its operations, and what compiles it. */
  readonly flops?: number;
  prepare?(gpu: Gpu): Promise<void>;
}

/** Each kernel at the shapes of at most so many operations, and at least the smallest. */
export function specRuns({ flops, values }: { flops: number; values: number }): Run[] {
  const size = (spec: KernelSpec, shape: Record<string, number>) =>
    Object.values(spec.inputs(shape)).reduce((sum, { length }) => sum + length, 0);
  return KERNEL_SPECS.flatMap((spec) =>
    spec.shapes.filter((shape, i) =>
      i === 0 || (spec.flops(shape) <= flops && size(spec, shape) <= values)
    ).map((shape) => ({
      name: `${spec.name} ${JSON.stringify(shape)}`,
      run: (gpu: Gpu) => checkSpec(gpu, spec, shape),
      flops: spec.flops(shape),
      async prepare(gpu: Gpu) {
        const pool = new BufferPool(gpu);
        const buffers = Object.entries(spec.inputs(shape))
          .map(([name, { byteLength }]) => [name, pool.empty(name, byteLength)]);
        await spec.prepare(gpu.launcher, shape, Object.fromEntries(buffers));
      },
    }))
  );
}

/** Few passes behind a record's last: they are computed at once, so there is no delay to hide. */
const ENGINE = { slots: 4, trace: true, passesPerSubmit: 2 };

/** Options of a short record. */
function decodeOf(extra: Readonly<Record<string, unknown>>) {
  const values = { block_length: 8, gen_length: 8, ...extra };
  return resolveDecode([{ values, where: "test" }]);
}

/** Ids of a model that edits. */
const EDITS = { delete_token_id: 48, split_token_id: 47 };

/** What no spec has: draws with ties and from what is left, credit, edits, values that are not finite. */
export const ENGINE_RUNS: readonly Run[] = [
  {
    name: "ties in a draw",
    run: (gpu) =>
      withEngine(gpu, { engine: ENGINE }, async (engine) => {
        const row = Array.from({ length: 256 }, (_, id) => id % 100 === 7 ? 60 : 0);
        const decode = { temperature: 1, top_k: 8, top_p: 0.5 };
        const { drawn } = await runStep(engine, { ids: [MASK], start: 0, logits: [row], decode });
        assert.equal(drawn[0].kept, 2);
      }),
  },
  {
    name: "logits that are not finite",
    run: (gpu) =>
      withEngine(gpu, { engine: ENGINE }, async (engine) => {
        const logits = [0, NaN, 1].map((z) => new Array<number>(256).fill(z));
        const ids = [MASK, MASK, MASK];
        const decode = { temperature: 1 };
        const { state } = await runStep(engine, { ids, start: 0, logits, decode });
        assert.equal(state.phase, PHASE.done);
      }),
  },
  ...[{ temperature: 0.8, top_k: 40, top_p: 0.9 }, { policy: "credit" }].map((extra) => ({
    name: `decoding with ${JSON.stringify(extra)}`,
    run: (gpu: Gpu) =>
      withEngine(gpu, { engine: ENGINE }, async (engine) => {
        const decode = decodeOf(extra);
        await decodeAll(engine, [{ tokens: GOLDEN.generation[0].prompt, decode, seed: 0 }]);
      }),
  })),
  {
    name: "edits that move rows, in blocks that share experts",
    run: (gpu) =>
      withConfig(
        { ...EDITS, expert_capacity: 3, block_size: 4 },
        (dir) =>
          withEngine(gpu, { dir, engine: ENGINE }, async (engine) => {
            const extra = { policy: "hf-2.2", block_length: 4, gen_length: 4, threshold: 0.3 };
            // Without a budget of steps a block ends with its last mask.
            const jobs = [0, 16].map((max_post_steps) => ({
              tokens: [3, 40, 77],
              decode: decodeOf({ ...extra, max_post_steps }),
              seed: 0,
            }));
            await decodeAll(engine, jobs);
          }),
      ),
  },
  {
    name: "edits that go round in circles",
    run: (gpu) =>
      withConfig(EDITS, (dir) =>
        withEngine(gpu, { dir, engine: ENGINE }, async (engine) => {
          const steps = await runBlock(engine, { ids: [MASK], draws: [[20], [21], [20], [21]] });
          assert.deepEqual(steps.map(({ ids }) => ids), [[20], [21], [1], [1]]);
        })),
  },
];

/** Golden generations of the tiny model, four side by side: all passes of the first ones, or of each. */
export function generations(count = GOLDEN.generation.length): Run {
  const golden = GOLDEN.generation.slice(0, count);
  const jobs = golden.map((one: (typeof GOLDEN)["generation"][number]) => ({
    tokens: one.prompt,
    decode: goldenOptions(one),
    seed: 0,
  }));
  return {
    name: `${golden.length} golden generations`,
    run: (gpu: Gpu) =>
      withEngine(gpu, { engine: ENGINE }, async (engine) => {
        const decoded = await decodeAll(engine, jobs);
        for (const [i, { name, tokens }] of golden.entries()) {
          assert.deepEqual(decoded[i].tokens, tokens, name);
        }
      }),
  };
}

/** Tokens of two records that are decoded side by side: a greedy one, and one whose prompt has several blocks. */
async function decodeRounded(gpu: Gpu, model: ModelOptions): Promise<number[][]> {
  return await withEngine(gpu, { engine: ENGINE, model }, async (engine) => {
    const rules = [{ steps: 3 }, { steps: 3, temperature: 0.8, top_k: 40 }];
    const jobs = rules.map((extra, i) => ({
      tokens: Array.from({ length: 13 + 17 * i }, (_, at) => (7 * at + 31 * i) % 240),
      decode: decodeOf(extra),
      seed: i,
    }));
    return (await decodeAll(engine, jobs)).map(({ tokens }) => [...tokens]);
  });
}

/** Tokens of the first device, by formats. */
const firstRounded = new Map<ModelOptions, Promise<number[][]>>();

/** Engines of other formats than float32's: no device decodes other tokens than the first. */
export const ROUNDED: readonly Run[] = ([
  { dtype: "q4", activations: "int8" },
  { dtype: "q4" },
  { dtype: "q8", activations: "int8" },
  { dtype: "f16" },
] as const).map((model) => ({
  name: `decoding as ${JSON.stringify(model)}`,
  async run(gpu: Gpu) {
    if (!firstRounded.has(model)) {
      firstRounded.set(model, decodeRounded(sanitizedGpu(DEVICES[0]), model));
    }
    assert.deepEqual(await decodeRounded(gpu, model), await firstRounded.get(model));
  },
}));

/** A step of training, whose gradients and weights are golden. */
export const TRAINING_STEPS: readonly Run[] = [false, true].map((recompute) => ({
  name: `a step of training, activations ${recompute ? "computed again" : "kept"}`,
  run: (gpu: Gpu) => withTrainer(gpu, checkStep, { recompute }),
}));
