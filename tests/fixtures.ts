/** Shared test data: the tiny random model and its golden values. */
import { openGpu } from "../lib/gpu/device.ts";
import type { DecodeOptions } from "../lib/diffusion/options.ts";
import { resolveDecode } from "../lib/diffusion/options.ts";
import { Engine, type EngineOptions } from "../lib/diffusion/engine.ts";
import { type Case, firstStep } from "../bench/quality.ts";
import { quantize } from "../lib/quant/quantize.ts";
import { openCheckpoint } from "../lib/model/checkpoint.ts";
import { type ModelOptions, openModel } from "../lib/model/model.ts";
import { readHeader } from "../lib/model/safetensors.ts";
import type { Gpu, GpuOptions } from "../lib/gpu/device.ts";
import type { WeightFormat } from "../kernels/weights/weight.ts";

/** Folder of the tiny model. */
export const TINY = new URL("./fixtures/tiny-llada2", import.meta.url).pathname;

/** Folder of the embedded model. */
export const NANO = new URL("../models/nano", import.meta.url).pathname;

// deno-lint-ignore no-explicit-any
type Golden = any;

/** golden.json of the tiny model. */
export const GOLDEN: Golden = JSON.parse(Deno.readTextFileSync(`${TINY}/golden.json`));

/** config.json of a model with nano's tokens and two small layers, which trains in a second. */
export async function smallConfig(): Promise<string> {
  const nano = JSON.parse(await Deno.readTextFile(`${NANO}/config.json`));
  return JSON.stringify({
    ...nano,
    hidden_size: 32,
    num_hidden_layers: 2,
    intermediate_size: 32,
    moe_intermediate_size: 16,
    head_dim: 16,
  });
}

/** Runs `body` with an engine over the model in `dir`, then frees everything. */
export async function withEngine<V>(
  gpu: Gpu,
  { dir = TINY, engine = { slots: 4, trace: true }, model = {} }: {
    dir?: string;
    engine?: EngineOptions;
    model?: ModelOptions;
  },
  body: (engine: Engine) => Promise<V>,
): Promise<V> {
  const checkpoint = await openCheckpoint(dir);
  const opened = await openModel(gpu, checkpoint, model);
  const made = await Engine.create(opened, engine);
  try {
    return await body(made);
  } finally {
    made.destroy();
    opened.destroy();
    checkpoint.close();
  }
}

/** Runs `body` with a copy of the tiny model whose config.json has these fields too. */
export async function withConfig<V>(
  fields: Readonly<Record<string, unknown>>,
  body: (dir: string) => Promise<V>,
): Promise<V> {
  const dir = await Deno.makeTempDir();
  try {
    const config = JSON.parse(await Deno.readTextFile(`${TINY}/config.json`));
    await Deno.writeTextFile(`${dir}/config.json`, JSON.stringify({ ...config, ...fields }));
    await Deno.copyFile(`${TINY}/model.safetensors`, `${dir}/model.safetensors`);
    return await body(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Runs `body` with a copy of the tiny model that has NaN in these tensors: all of them, or a row of each. */
export async function withNaN(
  { names, row }: { names: readonly string[]; row?: number },
  body: (dir: string) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  const bytes = await Deno.readFile(`${TINY}/model.safetensors`);
  const read = (start: number, length: number) =>
    Promise.resolve(bytes.slice(start, start + length));
  const { tensors } = await readHeader("f", bytes.length, read);
  for (const name of names) {
    const { start, bytes: length, shape: [rows] } = tensors.get(name)!;
    const [first, count] = row === undefined ? [0, rows] : [row, 1];
    const values = length / 4 / rows;
    new Float32Array(bytes.buffer, start + 4 * first * values, count * values).fill(NaN);
  }
  await Deno.copyFile(`${TINY}/config.json`, `${dir}/config.json`);
  await Deno.writeFile(`${dir}/model.safetensors`, bytes);
  try {
    await body(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** A device for one piece of work. */
export async function onGpu<V>(options: GpuOptions, body: (gpu: Gpu) => Promise<V>): Promise<V> {
  const gpu = await openGpu(options);
  try {
    return await body(gpu);
  } finally {
    gpu.destroy();
  }
}

/** Decode options of a golden generation case. */
export function goldenOptions({ algorithm, params }: Golden): DecodeOptions {
  const policies: Record<string, string> = {
    LowConfidence: "low-confidence",
    JointThreshold: "joint-threshold",
  };
  const policy = algorithm === "sglang" ? policies[params.algorithm] : algorithm;
  const named: Record<string, unknown> = {
    policy,
    block_length: params.block,
    gen_length: params.gen_length ?? params.max_new_tokens,
    steps: params.steps,
    threshold: params.threshold,
    minimal_topk: params.minimal_topk,
    num_to_transfer: params.num_to_transfer,
    edit_threshold: params.editing_threshold ?? params.edit_threshold,
    max_post_steps: params.max_post_steps ?? params.max_post_edit_steps,
    penalty_lambda: params.penalty_lambda,
    eos_early_stop: params.eos_early_stop,
  };
  const values = Object.fromEntries(
    Object.entries(named).filter(([, value]) => value !== undefined),
  );
  return resolveDecode([{ values, where: "golden" }]);
}

/** Largest absolute difference. */
export function largestDifference(found: ArrayLike<number>, wanted: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < wanted.length; i++) most = Math.max(most, Math.abs(found[i] - wanted[i]));
  return most;
}

/** Cases whose logits tell how good a weight format is. */
export interface Probe {
  readonly dir: string;
  readonly vocab: number;
  readonly cases: readonly Case[];
}

/** All positions of the tiny model's golden forward cases. */
export function tinyProbe(): Probe {
  const cases = GOLDEN.forward.filter((golden: Golden) => golden.position_start === 0)
    .map(({ ids, block }: Golden) => ({ ids, block, from: 0 }));
  return { dir: TINY, vocab: 256, cases };
}

/** The first denoising step of every `step`-th of nano's items. */
export function nanoProbe(step: number): Probe {
  const lines = Deno.readTextFileSync(`${NANO}/items.jsonl`).trim().split("\n");
  const cases = lines.filter((_, index) => index % step === 0)
    .map((line) => firstStep(JSON.parse(line).prompt_tokens, 508));
  return { dir: NANO, vocab: 512, cases };
}

/**
 * Runs `body` with a folder of nano whose weights are those that `dtype` keeps: opened as f32 it differs from
 * nano as `dtype` by the arithmetic alone, however much rounding moves the model's answers.
 */
export async function withRoundedNano<V>(
  dtype: WeightFormat,
  body: (dir: string) => Promise<V>,
): Promise<V> {
  if (dtype === "f32" || dtype === "f16") return await body(NANO); // f16 as it is
  const folder = await Deno.makeTempDir();
  const nano = await openCheckpoint(NANO);
  try {
    await quantize(nano, { dir: `${folder}/nano`, dtype });
    return await body(`${folder}/nano`);
  } finally {
    nano.close();
    await Deno.remove(folder, { recursive: true });
  }
}
