/**
 * A random model of a real shape, drawn straight onto the device, denoises one block: seconds and memory.
 * `deno run -A bench/synthetic.ts --shape mini --dtype q4 [--layers N] [--steps N]`; one JSON line.
 */
import { parseArgs } from "node:util";
import type { WeightFormat } from "../kernels/weights/weight.ts";
import { Engine } from "../lib/diffusion/engine.ts";
import { resolveDecode } from "../lib/diffusion/options.ts";
import { openGpu } from "../lib/gpu/device.ts";
import { openModel } from "../lib/model/model.ts";
import { shapeConfig } from "../lib/quant/shapes.ts";
import { syntheticCheckpoint } from "../lib/quant/synthetic.ts";
import { Refusal } from "../lib/refusal.ts";

const { values } = parseArgs({
  options: {
    shape: { type: "string", default: "mini" },
    dtype: { type: "string", default: "q4" },
    layers: { type: "string" },
    steps: { type: "string", default: "4" },
  },
});
const { config } = shapeConfig(values.shape, values.layers ? Number(values.layers) : undefined);
const gpu = await openGpu();
const encoder = new TextEncoder();
const seconds = async <V>(work: Promise<V>): Promise<[V, number]> => {
  const start = performance.now();
  return [await work, Number(((performance.now() - start) / 1000).toFixed(2))];
};

const checkpoint = syntheticCheckpoint(config, { name: values.shape });
const [model, load] = await seconds(openModel(gpu, checkpoint, {
  dtype: values.dtype as WeightFormat,
  onProgress: (done, total) =>
    Deno.stderr.isTerminal() &&
    Deno.stderr.writeSync(encoder.encode(`\rloading ${Math.floor(100 * done / total)}%`)),
}));
const engine = await Engine.create(model, { slots: 1 });
const tokens = Array.from({ length: 32 }, (_, i) => 100 + i);
const decode = resolveDecode([{
  values: { gen_length: 32, steps: Number(values.steps) },
  where: "bench",
}]);

/** One record, from its prompt of one block to its last token. */
async function block() {
  const jobs = ReadableStream.from([{ value: 0, job: { tokens, decode, seed: 0 } }]);
  const [{ result }] = await Array.fromAsync(engine.decode(jobs));
  if (result instanceof Refusal) throw result;
  return result!;
}
const [, first] = await seconds(block()); // compiles
const [result, second] = await seconds(block());
console.log(JSON.stringify({
  shape: values.shape,
  layers: config.numHiddenLayers,
  dtype: values.dtype,
  parameters: checkpoint.numParameters,
  adapter: gpu.adapter,
  weights_gib: Number((model.weights.bytes / 2 ** 30).toFixed(2)),
  device_gib: Number((gpu.memory.bytes / 2 ** 30).toFixed(2)),
  peak_host_gib: await peakMemory(),
  load_s: load,
  first_block_s: first,
  block_s: second,
  steps: result.blocks.map(({ steps }) => steps),
  tokens: result.tokens.length,
}));
engine.destroy();
model.destroy();
gpu.destroy();

/** Largest resident size of this process so far, where the system tells (Linux). */
async function peakMemory(): Promise<number | undefined> {
  const status = await Deno.readTextFile("/proc/self/status").catch(() => "");
  const kib = /^VmHWM:\s*(\d+) kB/m.exec(status)?.[1];
  return kib === undefined ? undefined : Number((Number(kib) / 2 ** 20).toFixed(2));
}
