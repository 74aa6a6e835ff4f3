/** How much an engine makes room for, within what the device binds and dispatches. */
import { mostKeys } from "../../kernels/attention/attention.ts";
import { MAX_BLOCK } from "../../kernels/decode/decode.ts";
import { PAGE } from "../../kernels/attention/kv_cache.ts";
import { MAX_GROUPS, type Target } from "../../kernels/launch.ts";
import type { ModelConfig } from "../model/config.ts";
import { passBytes } from "../model/pass_buffers.ts";
import { choicesOf } from "../model/routing.ts";
import { Refusal } from "../refusal.ts";

/** Rows of one prefill pass, at least. */
export const PREFILL_ROWS = 256;

/**
 * Rows of one prefill pass on a GPU: each pass reads nearly all experts, and 256 rows give an expert of
 * the published models 8 rows, too few to pay for reading it.
 */
const GPU_PREFILL_ROWS = 1024;

/** KV memory of one engine, unless a single longest record needs more. */
const KV_BUDGET = 2 ** 31;

/** Sizes of an engine's buffers. */
export interface EngineSizes {
  /** Positions of a slot's canvas: the model's context and a block, or what a layer's keys have a binding for. */
  readonly canvasLength: number;
  /** Rows of a pass: those of a prefill, or of blocks that are denoised and as many that are stored. */
  readonly rows: number;
  /** Rows of a prefill pass. */
  readonly prefillRows: number;
  /** Rows of a pass that may need logits: bounds the blocks that are decoded together. */
  readonly logitRows: number;
  /** Tokens whose keys and values fit, all slots together. */
  readonly kvTokens: number;
}

/** What decides the sizes. */
export interface SizeOptions {
  readonly slots: number;
  /** Largest binding, in bytes. */
  readonly maxBinding: number;
  /** Bytes of one token's keys and values, all layers together. */
  readonly kvBytesPerToken: number;
  /** What the device's kernels are made for; a CPU driver by default. */
  readonly target?: Target;
}

/** Sizes for `slots` records at once; records wait for each other where rows or pages are fewer. */
export function engineSizes(config: ModelConfig, options: SizeOptions): EngineSizes {
  const { slots, maxBinding, kvBytesPerToken, target = "cpu" } = options;
  const most = mostRows(config, maxBinding);
  const logitRows = Math.min(
    Math.max(slots * 32, MAX_BLOCK),
    Math.floor(maxBinding / (4 * config.vocabSize)),
    Math.floor(most / 2), // a pass may store as many blocks as it denoises
  );
  if (logitRows < 1) {
    throw new Refusal(
      `Cannot decode: the logits of one position need ${
        4 * config.vocabSize
      } bytes, expected at most the adapter's binding limit of ${maxBinding}`,
    );
  }
  // Keys, or values, of one layer are one binding.
  const perLayer = kvBytesPerToken / (2 * config.numHiddenLayers);
  const kvMost = wholeUnits(maxBinding / perLayer, PAGE);
  const canvasLength = Math.min(
    (Math.ceil(config.maxPositionEmbeddings / MAX_BLOCK) + 1) * MAX_BLOCK, // the last block may reach beyond
    wholeUnits(kvMost, MAX_BLOCK),
    wholeUnits(mostKeys(target), MAX_BLOCK),
  );
  if (canvasLength < 2 * MAX_BLOCK) {
    const bytes = 2 * MAX_BLOCK * perLayer;
    throw new Refusal(
      `Cannot decode: the keys of two blocks need ${bytes} bytes a layer, expected at most the adapter's binding limit of ${maxBinding}`,
    );
  }
  const budget = Math.max(canvasLength, wholeUnits(KV_BUDGET / kvBytesPerToken, PAGE));
  const prefillRows = Math.min(most, target === "gpu" ? gpuRows(most) : PREFILL_ROWS);
  return {
    canvasLength,
    rows: Math.max(prefillRows, 2 * logitRows),
    prefillRows,
    logitRows,
    kvTokens: Math.min(slots * canvasLength, budget, kvMost),
  };
}

/** The largest multiple of `unit` among so many. */
function wholeUnits(count: number, unit: number): number {
  return Math.floor(count / unit) * unit;
}

/**
 * Rows whose widest activation fits a binding, and that a dispatch can have: a workgroup per row, or per row
 * and choice, in one dimension.
 */
function mostRows(config: ModelConfig, maxBinding: number): number {
  const widest = Math.max(...Object.values(passBytes(config, { rows: 1, slots: 0 })));
  return Math.floor(Math.min(maxBinding / widest, MAX_GROUPS / choicesOf(config)));
}

/** Rows of a prefill pass on a GPU, whole blocks of any size. */
function gpuRows(most: number): number {
  const fit = wholeUnits(most, MAX_BLOCK);
  return Math.max(PREFILL_ROWS, Math.min(GPU_PREFILL_ROWS, fit));
}
