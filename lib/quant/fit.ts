/** What a model needs on a device in each weight format, and whether it fits. */
import { WEIGHT_FORMATS, type WeightFormat } from "../../kernels/weights/weight.ts";
import type { Target } from "../../kernels/launch.ts";
import { slotBytes } from "../diffusion/pass.ts";
import { engineSizes } from "../diffusion/sizes.ts";
import { sizeOf } from "../gpu/memory.ts";
import type { ModelConfig } from "../model/config.ts";
import { headBytes, passBytes, splitRoom } from "../model/pass_buffers.ts";
import { pageTableBytes } from "../model/kv_cache.ts";
import { kvBytesOf, kvFormatOf } from "../model/model.ts";
import { chunksOf, formatOf, weightBytes, weightShapes } from "../model/placement.ts";
import { Refusal } from "../refusal.ts";

/** The device to fit. */
export interface Room {
  /** Largest binding, in bytes. */
  readonly maxBinding: number;
  /** Records decoded together. */
  readonly slots: number;
  /** What its kernels are made for; a GPU by default. */
  readonly target?: Target;
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
  try {
    const fit = measure(config, dtype, room);
    return { ...fit, problem: shortage(fit, room) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const weights = weightBytes(config, dtype);
    const none = { kv: 0, activations: 0, chunks: 0 };
    return { dtype, weights, ...none, total: weights, problem: error.message };
  }
}

/** Sizes in a format; refuses what no binding of the device can hold. */
function measure(config: ModelConfig, dtype: WeightFormat, room: Room): Fit {
  const weights = weightBytes(config, dtype);
  const kvBytesPerToken = kvBytesOf(config, kvFormatOf(dtype));
  const { target = "gpu", slots, maxBinding } = room;
  const sizes = engineSizes(config, { target, slots, maxBinding, kvBytesPerToken });
  const kv = sizes.kvTokens * kvBytesPerToken;
  const { rows, canvasLength: length } = sizes;
  const parts = [
    ...Object.values(passBytes(config, { ...sizes, slots })),
    headBytes(config, sizes.logitRows),
    ...Object.values(slotBytes({ ...sizes, slots })),
    pageTableBytes({ slots: slots + 1, length }), // one for prefills beside records
    4 * length * config.rotaryDim, // rotary table
    splitRoom(config, { rows, length, target, maxBinding }).bytes,
  ];
  const activations = parts.reduce((sum, bytes) => sum + bytes);
  let chunks = 0;
  for (const shape of weightShapes(config)) {
    chunks += chunksOf(shape, formatOf(shape.role, dtype), maxBinding).length;
  }
  return { dtype, weights, kv, activations, total: weights + kv + activations, chunks };
}

function shortage({ total }: Fit, { memory }: Room): string | undefined {
  if (memory === undefined || total <= memory) return undefined;
  return `needs ${sizeOf(total)} of memory, expected at most ${sizeOf(memory)}`;
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

/** Refuses before anything is loaded what will not fit, naming the most exact format that does. */
export function checkFit(
  config: ModelConfig,
  dtype: WeightFormat,
  { model, ...room }: Room & { readonly model: string },
): void {
  const found = shortage(measure(config, dtype, room), room);
  if (found === undefined) return;
  const smaller = fits(config, room).slice(WEIGHT_FORMATS.indexOf(dtype) + 1);
  const fitting = smaller.find(({ problem }) => problem === undefined);
  const last = smaller.at(-1);
  const advice = fitting
    ? `--dtype ${fitting.dtype}, which needs ${sizeOf(fitting.total)}`
    : `--batch 1 or a smaller model${
      last ? `: ${last.dtype} needs ${sizeOf(last.total)} too` : ""
    }`;
  throw new Refusal(`Cannot run "${model}" as ${dtype}: it ${found} (try ${advice})`);
}
