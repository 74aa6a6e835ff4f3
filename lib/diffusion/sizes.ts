/** How much an engine makes room for, within what the device binds and dispatches. */
import { MAX_BLOCK } from "../../kernels/decode.ts";
import { MAX_GROUPS } from "../../kernels/launch.ts";
import type { ModelConfig } from "../model/config.ts";
import { choicesOf } from "../model/forward.ts";
import { Refusal } from "../refusal.ts";

/** Rows of one prefill pass. */
export const PREFILL_ROWS = 256;

/** KV memory of one engine, unless a single longest record needs more. */
const KV_BUDGET = 2 ** 31;

/** Sizes of an engine's buffers. */
export interface EngineSizes {
  /** Positions of a slot's canvas. */
  readonly canvasLength: number;
  /** Rows of a pass. */
  readonly rows: number;
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
}

/** Sizes for `slots` records at once; records wait for each other where rows or pages are fewer. */
export function engineSizes(config: ModelConfig, options: SizeOptions): EngineSizes {
  const { slots, maxBinding, kvBytesPerToken } = options;
  // The last block may reach beyond the context.
  const canvasLength = (Math.ceil(config.maxPositionEmbeddings / MAX_BLOCK) + 1) * MAX_BLOCK;
  // A dispatch has a workgroup per row, or per row and choice, in one dimension.
  const most = Math.floor(MAX_GROUPS / choicesOf(config));
  const logitRows = Math.min(
    Math.max(slots * 32, MAX_BLOCK),
    Math.floor(maxBinding / (4 * config.vocabSize)),
    most,
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
  const kvMost = Math.floor(maxBinding / perLayer);
  if (canvasLength > kvMost) {
    throw new Refusal(
      `Cannot decode: a context of ${canvasLength} tokens needs ${
        canvasLength * perLayer
      } bytes of keys a layer, expected at most the adapter's binding limit of ${maxBinding} (try a smaller max_position_embeddings in config.json)`,
    );
  }
  const budget = Math.max(canvasLength, Math.floor(KV_BUDGET / kvBytesPerToken));
  return {
    canvasLength,
    rows: Math.max(Math.min(PREFILL_ROWS, most), logitRows),
    logitRows,
    kvTokens: Math.min(slots * canvasLength, budget, kvMost),
  };
}
