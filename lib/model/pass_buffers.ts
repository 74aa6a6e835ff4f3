/** Room for the activations of passes. T rows, H hidden size, Hq and Hkv heads of D channels. */
import type { SplitAttention } from "../../kernels/attention/attention_call.ts";
import { splitSize } from "../../kernels/attention/attention_tiles.ts";
import type { Target } from "../../kernels/launch.ts";
import type { BufferPool } from "../gpu/buffers.ts";
import type { ModelConfig } from "./config.ts";
import {
  type Bytes,
  choicesOf,
  expertTiles,
  type RoutingBuffers,
  routingBytes,
} from "./routing.ts";

/** Activations of a pass, float32, and where its rows go in the MoE layers. */
export interface PassBuffers extends RoutingBuffers {
  /** Rows, rows that need logits, passes, whether blocks are stored alone, then a word per slot. */
  readonly live: GPUBuffer;
  /** [T] (slot, position, token, visible keys) */
  readonly rows: GPUBuffer;
  /** Residual stream [T, H]. */
  readonly x: GPUBuffer;
  /** Normed input of the next projection [T, H]. */
  readonly h: GPUBuffer;
  /** [T, Hq + 2 Hkv, D] */
  readonly qkv: GPUBuffer;
  /** [T, Hq, D] */
  readonly attention: GPUBuffer;
  /** Output of the attention projection [T, H]. */
  readonly projected: GPUBuffer;
  /** Tiles of two rows by expert [T, choices] vec4u, where a GPU has such. */
  readonly pairs?: GPUBuffer;
  /** SwiGLU activations [T, choices, width] or [T, dense width]. */
  readonly activation: GPUBuffer;
  /** Expert outputs [T, choices, H] or the dense output [T, H]. */
  readonly mlp: GPUBuffer;
}

/** Sizes of a pass: at most `rows` rows, of at most `slots` sequences. */
export interface PassSizes {
  readonly rows: number;
  readonly slots: number;
}

/** Makes room for passes of these sizes. */
export function passBuffers(pool: BufferPool, c: ModelConfig, sizes: PassSizes): PassBuffers {
  const entries = Object.entries(passBytes(c, sizes)).map(([name, bytes]) =>
    [name, pool.empty(name, bytes)] as const
  );
  return Object.fromEntries(entries) as unknown as PassBuffers;
}

/** Bytes of each buffer of a pass. */
export function passBytes(
  c: ModelConfig,
  { rows, slots }: PassSizes,
): Bytes<PassBuffers> {
  const choices = choicesOf(c);
  const width = Math.max(c.intermediateSize, choices * c.moeIntermediateSize);
  const floats = (perRow: number) => 4 * rows * perRow;
  return {
    live: 4 * (4 + slots),
    rows: floats(4),
    x: floats(c.hiddenSize),
    h: floats(c.hiddenSize),
    qkv: floats((c.numAttentionHeads + 2 * c.numKeyValueHeads) * c.headDim),
    attention: floats(c.numAttentionHeads * c.headDim),
    projected: floats(c.hiddenSize),
    ...routingBytes(c, rows),
    ...(expertTiles(c, "gpu")[0].unlisted ? { pairs: 16 * rows * choices } : {}),
    activation: floats(width),
    mlp: floats(choices * c.hiddenSize),
  };
}

/**
 * Bytes of the head's outputs: whole logits, for records that need them, and partial results of greedy
 * draws, 16 bytes for at least 32 columns.
 */
export function headBytes({ vocabSize }: ModelConfig, logitRows: number): number {
  return logitRows * (4 * vocabSize + 16 * Math.ceil(vocabSize / 32));
}

/** Rows up to which a pass's attention is split, and the bytes of room that it takes. */
export function splitRoom(
  { numAttentionHeads: heads, numKeyValueHeads: kvHeads, headDim }: ModelConfig,
  { rows: most, length, ...device }: {
    readonly rows: number;
    readonly length: number;
    readonly target: Target;
    readonly maxBinding: number;
  },
): { rows: number; bytes: number } {
  return splitSize(device, { heads, kvHeads, headDim, length, most });
}

/** Room to split attention over workgroups, where that pays for sequences of at most `length`. */
export function splitAttention(
  pool: BufferPool,
  config: ModelConfig,
  pass: { rows: number; length: number },
): SplitAttention | undefined {
  const { target, device: { limits } } = pool.gpu.launcher;
  const maxBinding = limits.maxStorageBufferBindingSize;
  const { rows, bytes } = splitRoom(config, { ...pass, target, maxBinding });
  return rows > 0 ? { rows, parts: pool.empty("attention spans", bytes) } : undefined;
}
