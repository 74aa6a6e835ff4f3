/**
 * Long contexts on one small layer: prefill of 4k to 32k tokens, and a block's step behind as many. What
 * is measured is growth: of time by attention alone, of memory in proportion to the context.
 */
import { type EngineParts, engineParts, writeRows } from "../lib/diffusion/pass.ts";
import { BufferPool } from "../lib/gpu/buffers.ts";
import type { Gpu } from "../lib/gpu/device.ts";
import { submitPass } from "../lib/gpu/submit.ts";
import { openModel } from "../lib/model/model.ts";
import { shapeConfig } from "../lib/quant/shapes.ts";
import { parseConfig } from "../lib/model/config.ts";
import { syntheticCheckpoint } from "../lib/quant/synthetic.ts";
import type { Report } from "./report.ts";
import { clockOf, stopwatch, timeDispatches } from "./timing.ts";

const BLOCK = 32;

/** Times prefill and a step at each length; `engineParts` is made anew, so that its memory shows. */
export async function benchContext(gpu: Gpu, report: Report): Promise<void> {
  for (const length of [4096, 8192, 16384, 32768]) await benchLength(gpu, report, length);
}

async function benchLength(gpu: Gpu, report: Report, length: number): Promise<void> {
  const config = parseConfig(
    JSON.stringify({
      ...shapeConfig("nano").json,
      num_hidden_layers: 1,
      max_position_embeddings: length,
      // YaRN from a quarter of the context, as the models are stretched.
      rope_scaling: { type: "yarn", factor: 4, original_max_position_embeddings: length / 4 },
    }),
    "config.json",
  );
  const checkpoint = syntheticCheckpoint(config, { name: `1 layer, ${length} positions` });
  const model = await openModel(gpu, checkpoint, { dtype: "f16" });
  const before = gpu.memory.bytes;
  const pool = new BufferPool(gpu);
  const parts = await engineParts(model, { slots: 1 }, pool);
  const memory = gpu.memory.bytes - before;
  const prefix = length - BLOCK;
  const ms = await timePrefill(parts, prefix);
  const shape = `${length} tokens`;
  const note = `${(memory / 2 ** 20).toFixed(1)} MiB beside the weights, ${
    (1e3 * ms / prefix).toFixed(0)
  } us a token`;
  report.add({ group: "context", name: "prefill", shape, ms, note });
  const span = { slot: 0, blockLength: BLOCK, from: prefix, to: length };
  writeRows(parts, tokensOf(length), { ...span, logits: true });
  const step = await timeDispatches(gpu, [...parts.forward, ...parts.greedy], {
    rows: BLOCK,
    keys: length,
    targetMs: 30,
  });
  report.add({ group: "context", name: "step of 32 rows", shape, ms: step[clockOf(gpu)] });
  gpu.check();
  pool.destroy();
  model.destroy();
}

/** Milliseconds of a prompt of `length` tokens in slot 0, with room for a block behind it; compiles first. */
export async function timePrefill(parts: EngineParts, length: number): Promise<number> {
  const { gpu, prefillRows } = parts;
  const tokens = tokensOf(length);
  parts.kv.allocate(0, length + BLOCK);
  const prefill = async (to: number) => {
    for (let from = 0; from < to; from += prefillRows) {
      const end = Math.min(to, from + prefillRows);
      const span = { slot: 0, blockLength: BLOCK, from, to: end };
      writeRows(parts, tokens, { ...span, logits: false });
      submitPass(gpu, parts.forward, end - from, end);
    }
    await gpu.device.queue.onSubmittedWorkDone();
  };
  await prefill(Math.min(length, prefillRows));
  const now = stopwatch(gpu);
  const start = now();
  await prefill(length);
  const ms = now() - start;
  gpu.check();
  return ms;
}

function tokensOf(length: number): Uint32Array {
  return Uint32Array.from({ length }, (_, i) => 5 + i % 300);
}
