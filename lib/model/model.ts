/** A model ready to run: its checkpoint's configuration, weights on the device, and special tokens. */
import type { KvFormat } from "../../kernels/attention/kv_cache.ts";
import {
  type ActivationFormat,
  inBlocks,
  WEIGHT_FORMATS,
  type WeightFormat,
} from "../../kernels/weights/weight.ts";
import { type Gpu, GPU_FORMS } from "../gpu/device.ts";
import { sizeOf } from "../gpu/memory.ts";
import { Refusal } from "../refusal.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { ModelConfig } from "./config.ts";
import { KV_BYTES } from "./kv_cache.ts";
import { weightBytes } from "./placement.ts";
import { packedRopeTable } from "./rope.ts";
import { type LoadOptions, loadWeights, type Weights } from "./weights.ts";

/** Weights on a device and what decoding has to know about them. */
export interface Model {
  readonly gpu: Gpu;
  readonly config: ModelConfig;
  readonly weights: Weights;
  /** The mask token's id. */
  readonly maskId: number;
  /** Ids that end an answer, at most four. */
  readonly eosIds: readonly number[];
  /** Keys and values are f32 with f32 weights, else f16. */
  readonly kvFormat: KvFormat;
  /** Bytes of one token's keys and values, all layers together. */
  readonly kvBytesPerToken: number;
  /** Rotary tables [length, 2, rotary / 2]: cos, then sin. */
  ropeTable(length: number, start: number): Float32Array<ArrayBuffer>;
  destroy(): void;
}

/** Options of `openModel`. */
export interface ModelOptions {
  /** By default a quantized folder's own, f32 up to a billion parameters, else f16. */
  readonly dtype?: WeightFormat;
  /** What the inputs of weights in blocks are rounded to: float32 unless given. */
  readonly activations?: ActivationFormat;
  /** The tokenizer's `<|mask|>`, for a configuration that does not name one. */
  readonly tokenizerMaskId?: number;
  readonly onProgress?: LoadOptions["onProgress"];
  /** Largest binding to use; by default what the device allows. */
  readonly maxBinding?: number;
}

/** Parameters up to which weights are kept as float32 by default. */
const F32_PARAMETERS = 1e9;

/** The weights' format where none is asked for: a quantized folder's own, else by size. */
export function defaultDtype(checkpoint: Checkpoint): WeightFormat {
  if (checkpoint.format) return checkpoint.format;
  return checkpoint.numParameters <= F32_PARAMETERS ? "f32" : "f16";
}

/** Keys and values are f32 beside f32 weights, else f16. */
export function kvFormatOf(dtype: WeightFormat): KvFormat {
  return dtype === "f32" ? "f32" : "f16";
}

/** Bytes of one token's keys and values, all layers together. */
export function kvBytesOf(config: ModelConfig, format: KvFormat): number {
  const values = config.numHiddenLayers * config.numKeyValueHeads * config.headDim;
  return 2 * values * KV_BYTES[format];
}

/** The mask id: config.json's, else the tokenizer's; refuses when there is neither. */
export function maskIdOf(checkpoint: Checkpoint, tokenizerMaskId?: number): number {
  const id = checkpoint.config.maskTokenId ?? tokenizerMaskId;
  if (id === undefined) {
    throw new Refusal(
      `Cannot decode with "${checkpoint.dir}": no mask token, expected "mask_token_id" in config.json or "<|mask|>" in tokenizer.json`,
    );
  }
  return id;
}

/** Ids that end an answer: generation_config.json's, else config.json's `eos_token_id`, else padding. */
export function eosIdsOf(checkpoint: Checkpoint): readonly number[] {
  const { config, generationConfig } = checkpoint;
  const named = [generationConfig.eos, config.eosTokenIds].find((ids) => ids.length > 0);
  return named ?? [config.padTokenId];
}

/** What to try when memory is short: the most exact smaller format that fits, if one does. */
function adviceFor(gpu: Gpu, config: ModelConfig, format: WeightFormat): string {
  const smaller = WEIGHT_FORMATS.slice(WEIGHT_FORMATS.indexOf(format) + 1);
  const needs = (dtype: WeightFormat) => sizeOf(weightBytes(config, dtype));
  const fitting = smaller.find((dtype) => gpu.memory.hasRoom(weightBytes(config, dtype)));
  if (fitting) return `--dtype ${fitting}, which needs ${needs(fitting)} for weights, or --batch 1`;
  const last = smaller.at(-1);
  const reason = last ? `: its weights need ${needs(last)} even with --dtype ${last}` : "";
  return `--batch 1 or a smaller model${reason}`;
}

/** Refuses int8 activations beside weights that have no blocks. */
export function checkActivations(
  model: string,
  { dtype, activations }: { dtype: WeightFormat; activations: ActivationFormat | undefined },
): void {
  if (activations !== "int8" || inBlocks(dtype)) return;
  throw new Refusal(
    `Cannot run "${model}" with int8 activations: its weights are ${dtype}, expected q8 or q4 (try --dtype q8)`,
  );
}

/** Loads a checkpoint's weights onto the device. */
export async function openModel(
  gpu: Gpu,
  checkpoint: Checkpoint,
  options: ModelOptions = {},
): Promise<Model> {
  const { config } = checkpoint;
  const format = options.dtype ?? defaultDtype(checkpoint);
  gpu.memory.advice = adviceFor(gpu, config, format);
  gpu.memory.checkRoom(
    `the weights of "${checkpoint.dir}" as ${format}`,
    weightBytes(config, format),
  );
  if (options.activations === "int8" && gpu.wrong.includes(GPU_FORMS)) {
    throw new Refusal(
      `Cannot run "${checkpoint.dir}" with int8 activations: "${gpu.adapter}" computes wrong values with ${GPU_FORMS} (try --activations f32)`,
    );
  }
  const maskId = maskIdOf(checkpoint, options.tokenizerMaskId);
  const eosIds = eosIdsOf(checkpoint);
  const weights = await loadWeights(gpu, checkpoint, { ...options, format });
  const kvFormat = kvFormatOf(format);
  return {
    gpu,
    config,
    weights,
    maskId,
    eosIds,
    kvFormat,
    kvBytesPerToken: kvBytesOf(config, kvFormat),
    ropeTable: (length, start) => packedRopeTable(config, length, start),
    destroy: () => weights.destroy(),
  };
}
