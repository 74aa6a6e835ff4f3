/** What a model needs on a device in each weight format, and whether it fits. */
import { WEIGHT_FORMATS, type WeightFormat } from "../../kernels/weight.ts";
import { engineSizes } from "../diffusion/sizes.ts";
import { sizeOf } from "../gpu/memory.ts";
import type { ModelConfig } from "../model/config.ts";
import { headBytes, passBytes } from "../model/forward.ts";
import { kvBytesOf, kvFormatOf } from "../model/model.ts";
import { chunksOf, formatOf, weightBytes, weightShapes } from "../model/placement.ts";
import { Refusal } from "../refusal.ts";

/** The device to fit. */
export interface Room {
  /** Largest binding, in bytes. */
  readonly maxBinding: number;
  /** Records decoded together. */
  readonly slots: number;
  /** Bytes the device may hold, if known. */
  readonly memory?: number;
}

/** Bytes of a model in one format. */
export interface Fit {
  readonly dtype: WeightFormat;
  readonly weights: number;
  readonly kv: number;
  readonly activations: number;
  readonly total: number;
  /** Buffers that the weights are cut into. */
  readonly chunks: number;
  /** Why it does not fit; absent where it does, or where the memory is unknown. */
  readonly problem?: string;
}

/** How a model fits in each format, the most exact first. */
export function fits(config: ModelConfig, room: Room): Fit[] {
  return WEIGHT_FORMATS.map((dtype) => fitOf(config, dtype, room));
}

function fitOf(config: ModelConfig, dtype: WeightFormat, room: Room): Fit {
  const { maxBinding, memory } = room;
  const weights = weightBytes(config, dtype);
  try {
    const kvBytesPerToken = kvBytesOf(config, kvFormatOf(dtype));
    const sizes = engineSizes(config, { ...room, kvBytesPerToken });
    const kv = sizes.kvTokens * kvBytesPerToken;
    const activations = Object.values(passBytes(config, { ...sizes, slots: room.slots }))
      .reduce((sum, bytes) => sum + bytes, headBytes(config, sizes.logitRows));
    let chunks = 0;
    for (const shape of weightShapes(config)) {
      chunks += chunksOf(shape, formatOf(shape.role, dtype), maxBinding).length;
    }
    const total = weights + kv + activations;
    const problem = memory !== undefined && total > memory
      ? `needs ${sizeOf(total)}, expected at most ${sizeOf(memory)}`
      : undefined;
    return { dtype, weights, kv, activations, total, chunks, problem };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const none = { kv: 0, activations: 0, chunks: 0 };
    return { dtype, weights, ...none, total: weights, problem: error.message };
  }
}

/** A line a format, for people. */
export function fitLines(found: readonly Fit[], { memory }: Room): string[] {
  const verdict = ({ problem }: Fit) =>
    problem ? `no: ${problem}` : memory === undefined ? "if the device has as much" : "fits";
  return found.map((fit) =>
    `${fit.dtype}  ${sizeOf(fit.total)} (weights ${sizeOf(fit.weights)}, KV ${
      sizeOf(fit.kv)
    }, activations ${sizeOf(fit.activations)}): ${verdict(fit)}`
  );
}
