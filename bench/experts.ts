/**
 * Distinct experts that the rows of a block choose, on real text: nano over its own items, at every step of
 * their denoising. A block of mini or flash makes 32 * 8 / 256 = 1 choice an expert; nano does with 4 rows,
 * so windows of a few rows of its blocks are the hint for them.
 */
import type { Engine } from "../lib/diffusion/engine.ts";
import type { TraceStep } from "../lib/diffusion/trace.ts";
import { denoise } from "../lib/denoise.ts";
import { taskRecords } from "../lib/eval/harness.ts";
import type { ReadyTask } from "../lib/eval/task.ts";
import { readBuffer } from "../lib/gpu/buffers.ts";
import type { ModelConfig } from "../lib/model/config.ts";
import { choicesOf } from "../lib/model/routing.ts";
import type { EngineParts } from "../lib/diffusion/pass.ts";
import { Session } from "../lib/session.ts";
import { distinctExperts } from "./budget.ts";
import type { Report } from "./report.ts";

const BLOCK = 32;

/** Items of each task. */
const LIMIT = 20;

/** A block as the model saw it in one step. */
interface Step {
  readonly ids: readonly number[];
  readonly masked: number;
}

/** The experts [rows][top-k] that a block's rows chose in one layer. */
type Choices = readonly (readonly number[])[];

/** Counts over `LIMIT` items of each task. */
export async function benchExperts(report: Report, tasks: readonly ReadyTask[]): Promise<void> {
  const session = new Session({ trace: true, dtype: "f32" });
  const steps: Step[] = [];
  const { mask } = await session.specialIds();
  const onTrace = (rec: { get(name: string): unknown }, trace: TraceStep[]) => {
    steps.push(...stepsOf(rec.get("tokens") as number[], trace, mask));
  };
  const records = taskRecords(tasks, { limit: LIMIT });
  for await (const rec of denoise(records, { session, onTrace })) void rec;
  const { config } = await session.checkpoint();
  const seen: { masked: number; choices: Choices }[] = [];
  const engine = await session.engine();
  for (const { ids, masked } of steps) {
    for (const choices of await choicesAt(engine, ids)) seen.push({ masked, choices });
  }
  await session.close();
  const add = (shape: string, rows: number, some = seen) => {
    const { found, popular } = distinctOf(some.map(({ choices }) => choices), rows, config);
    const { numExperts } = config;
    const share = (count: number) => `${(100 * count / numExperts).toFixed(0)}%`;
    const independent = distinctExperts(config, rows);
    const note = `${found.toFixed(1)} of ${numExperts} (${share(found)}); ${
      share(independent)
    } if independent, ${share(popular)} if only as popular`;
    report.add({ group: "experts", name: "distinct experts a layer", shape, note });
  };
  for (const rows of [2, 4, 8, 16, 32]) add(`nano, ${rows} rows, all steps`, rows);
  add("nano, 4 rows, first steps", 4, seen.filter(({ masked }) => masked === BLOCK));
  add("nano, 4 rows, late steps", 4, seen.filter(({ masked }) => masked <= BLOCK / 4));
}

/** Distinct experts, shared ones aside, that the rows of a pass choose: the mean over its layers. */
export async function distinctChosen(
  { gpu, pool, forward, buffers: { chosen } }: EngineParts,
  { rows, config }: { rows: number; config: ModelConfig },
): Promise<number> {
  const gates = forward.filter(({ label }) => label.endsWith(".route")).length;
  const bytes = 4 * rows * choicesOf(config);
  const kept = pool.empty("chosen of each layer", gates * bytes);
  const encoder = gpu.device.createCommandEncoder();
  let layer = 0;
  for (const dispatch of forward) {
    const pass = encoder.beginComputePass();
    dispatch.encode(pass, rows);
    pass.end();
    if (!dispatch.label.endsWith(".route")) continue;
    encoder.copyBufferToBuffer(chosen, 0, kept, layer++ * bytes, bytes);
  }
  gpu.device.queue.submit([encoder.finish()]);
  const words = new Uint32Array(await readBuffer(gpu, kept, { bytes: gates * bytes }));
  let distinct = 0;
  for (let gate = 0; gate < gates; gate++) {
    const layer = words.subarray(gate * bytes / 4, (gate + 1) * bytes / 4);
    distinct += new Set(layer.filter((expert) => expert < config.numExperts)).size;
  }
  return distinct / gates;
}

/** The sequence up to the block's end before each denoising step, from what the steps accepted. */
function stepsOf(prompt: readonly number[], trace: readonly TraceStep[], mask: number): Step[] {
  const canvas = [...prompt];
  return trace.map(({ block, masked, accepted, edited }) => {
    const end = (block + 1) * BLOCK;
    while (canvas.length < end) canvas.push(mask);
    const ids = canvas.slice(0, end);
    for (const [position, id] of accepted) canvas[position] = id;
    for (const [position, , id] of edited) canvas[position] = id;
    return { ids, masked };
  });
}

/** The last block's choices in every MoE layer. */
async function choicesAt(engine: Engine, ids: readonly number[]): Promise<Choices[]> {
  const { gpu, config } = engine.model;
  const [each, topK] = [choicesOf(config), config.numExpertsPerTok];
  const layers: Choices[] = [];
  await engine.logits(ids, BLOCK, async (label, { chosen }) => {
    if (!label.endsWith(".route")) return;
    const words = new Uint32Array(await readBuffer(gpu, chosen, { bytes: 4 * ids.length * each }));
    const rows = Array.from({ length: BLOCK }, (_, row) => {
      const at = (ids.length - BLOCK + row) * each;
      return [...words.subarray(at, at + topK)];
    });
    layers.push(rows);
  });
  return layers;
}

/**
 * Mean distinct experts over windows of `rows` rows; and what independent rows would choose that like each
 * expert as often as all rows of its layer do: sum over experts of 1 - (1 - p)^rows.
 */
function distinctOf(
  blocks: readonly Choices[],
  rows: number,
  { numExperts, numHiddenLayers, firstKDenseReplace }: ModelConfig,
): { found: number; popular: number } {
  const layers = numHiddenLayers - firstKDenseReplace;
  const likes = Array.from({ length: layers }, () => new Float64Array(numExperts));
  let [distinct, windows] = [0, 0];
  for (const [index, choices] of blocks.entries()) {
    for (const expert of choices.flat()) likes[index % layers][expert]++;
    for (let from = 0; from < BLOCK; from += rows) {
      distinct += new Set(choices.slice(from, from + rows).flat()).size;
      windows++;
    }
  }
  const seen = blocks.length / layers * BLOCK;
  const popular = likes.map((counts) =>
    counts.reduce((sum, count) => sum + 1 - (1 - count / seen) ** rows, 0)
  );
  return { found: distinct / windows, popular: popular.reduce((a, b) => a + b, 0) / layers };
}
