/** The arrays of a pass on their way to the device. */
import { writeBuffer } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import type { ModelConfig } from "../model/config.ts";
import type { PassBuffers } from "./activations.ts";
import type { TrainBatch } from "./streams.ts";

/** Writes a batch into the buffers of a pass of at most `rows` rows. */
export function uploadBatch(
  gpu: Gpu,
  pass: PassBuffers,
  { batch, config, rows, frozen }: {
    readonly batch: TrainBatch;
    readonly config: ModelConfig;
    readonly rows: number;
    /** Without what only the backward pass reads. */
    readonly frozen: boolean;
  },
): void {
  const { count, targetRows } = batch;
  const write = (buffer: GPUBuffer, data: Uint32Array) =>
    writeBuffer(gpu, buffer, { data: data as Uint32Array<ArrayBuffer> });
  write(pass.live, Uint32Array.of(count, targetRows.length, 1, 0));
  write(pass.rows, batch.rows);
  write(pass.spans, batch.spans);
  // As rows of a pass, whose third word the gather takes for the token to look up.
  const lookups = new Uint32Array(4 * targetRows.length);
  targetRows.forEach((row, index) => lookups[4 * index + 2] = row);
  write(pass.targetRows, lookups);
  write(pass.labels, batch.labels);
  if (frozen) return;
  write(pass.queries, batch.queries);
  const tokens = Uint32Array.from({ length: count }, (_, row) => batch.rows[4 * row + 2]);
  const byToken = sorted(tokens, config.vocabSize);
  // As nn.Embedding's padding_idx: the padding token's row is never trained.
  byToken.segments.fill(0, 2 * config.padTokenId, 2 * config.padTokenId + 2);
  write(pass.tokenOrder, byToken.order);
  write(pass.tokenSegments, byToken.segments);
  const byRow = sorted(targetRows, rows);
  write(pass.targetOrder, byRow.order);
  write(pass.targetSegments, byRow.segments);
}

/**
 * Indices of `keys` sorted by key (a counting sort, so equal keys stay in order), and each key's part of
 * them: [first, count] of every key below `most`.
 */
function sorted(keys: Uint32Array, most: number): { order: Uint32Array; segments: Uint32Array } {
  const segments = new Uint32Array(2 * most);
  for (const key of keys) segments[2 * key + 1]++;
  for (let key = 1; key < most; key++) {
    segments[2 * key] = segments[2 * key - 2] + segments[2 * key - 1];
  }
  const next = Uint32Array.from({ length: most }, (_, key) => segments[2 * key]);
  const order = new Uint32Array(keys.length);
  keys.forEach((key, index) => order[next[key]++] = index);
  return { order, segments };
}
