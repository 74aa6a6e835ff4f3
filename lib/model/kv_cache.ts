/** The KV cache on the device: pages of all layers, handed to sequences and read back by block. */
import { type KvFormat, type KvView, PAGE } from "../../kernels/attention/kv_cache.ts";
import { type BufferPool, stagingBuffer, takeMapped, writeBuffer } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import type { ModelConfig } from "./config.ts";

/** Bytes of one value. */
export const KV_BYTES: Readonly<Record<KvFormat, number>> = { f32: 4, f16: 2 };

/** Pages of a sequence of at most so many tokens. */
function pagesOf(length: number): number {
  return Math.ceil(length / PAGE);
}

/** Bytes of the table that finds the pages of each slot. */
export function pageTableBytes(
  { slots, length }: Pick<KvCacheOptions, "slots" | "length">,
): number {
  return 4 * slots * pagesOf(length);
}

/** Sizes of a cache. */
export interface KvCacheOptions {
  readonly format: KvFormat;
  readonly slots: number;
  /** Longest sequence, in tokens. */
  readonly length: number;
  /** Tokens that all sequences together may hold. */
  readonly tokens: number;
}

/** Pages of keys and values of every layer. */
export class KvCache {
  readonly format: KvFormat;
  readonly #table: GPUBuffer;
  readonly #tablePages: number;
  readonly #layers: { keys: GPUBuffer; values: GPUBuffer }[];
  readonly #free: number[];
  readonly #held = new Map<number, number[]>();
  /** Bytes of one token's keys (or values) in one layer. */
  readonly #tokenBytes: number;
  readonly #gpu: Gpu;

  /** Makes the buffers in `pool`, which also frees them. */
  constructor(pool: BufferPool, config: ModelConfig, options: KvCacheOptions) {
    const { format } = options;
    this.format = format;
    this.#gpu = pool.gpu;
    this.#tokenBytes = config.numKeyValueHeads * config.headDim * KV_BYTES[format];
    this.#tablePages = pagesOf(options.length);
    const pages = Math.max(this.#tablePages, pagesOf(options.tokens));
    this.#free = Array.from({ length: pages }, (_, page) => pages - 1 - page);
    this.#table = pool.empty("kv.table", pageTableBytes(options));
    this.#layers = Array.from({ length: config.numHiddenLayers }, (_, layer) => ({
      keys: pool.empty(`layers.${layer}.keys`, pages * PAGE * this.#tokenBytes),
      values: pool.empty(`layers.${layer}.values`, pages * PAGE * this.#tokenBytes),
    }));
  }

  /** What a layer's kernels bind. */
  view(layer: number): KvView {
    const { format } = this;
    return { format, ...this.#layers[layer], table: this.#table, tablePages: this.#tablePages };
  }

  /** Gives `slot` room for `tokens`; false when too few pages are free now. */
  allocate(slot: number, tokens: number): boolean {
    const count = pagesOf(tokens);
    if (count > this.#free.length) return false;
    const pages = this.#free.splice(this.#free.length - count);
    this.#held.set(slot, pages);
    const offset = slot * this.#tablePages * 4;
    writeBuffer(this.#gpu, this.#table, { data: Uint32Array.from(pages), offset });
    return true;
  }

  /** Slots that have pages. */
  get holders(): number {
    return this.#held.size;
  }

  /** Takes the pages of `slot` back. */
  release(slot: number): void {
    this.#free.push(...(this.#held.get(slot) ?? []));
    this.#held.delete(slot);
  }

  /**
   * Keys and values of tokens `start .. start + count` of a slot: one array per layer and kind, in the
   * order (layer 0 keys, layer 0 values, layer 1 keys, ...), each [count, kv heads, head size].
   */
  async read(slot: number, start: number, count: number): Promise<Uint8Array<ArrayBuffer>[]> {
    const size = count * this.#tokenBytes;
    const parts = this.#layers.flatMap(({ keys, values }) => [keys, values]);
    const staging = stagingBuffer(this.#gpu, "kv read-back", parts.length * size);
    const encoder = this.#gpu.device.createCommandEncoder();
    for (const [index, buffer] of parts.entries()) {
      for (const run of this.#runs(slot, start, count)) {
        const to = index * size + run.offset;
        encoder.copyBufferToBuffer(buffer, run.at, staging, to, run.bytes);
      }
    }
    this.#gpu.device.queue.submit([encoder.finish()]);
    const all = new Uint8Array(await takeMapped(this.#gpu, staging));
    return parts.map((_, index) => all.slice(index * size, (index + 1) * size));
  }

  /** Writes what `read` returned for the same number of tokens. */
  write(slot: number, start: number, parts: readonly Uint8Array<ArrayBuffer>[]): void {
    const buffers = this.#layers.flatMap(({ keys, values }) => [keys, values]);
    for (const [index, buffer] of buffers.entries()) {
      const count = parts[index].byteLength / this.#tokenBytes;
      for (const run of this.#runs(slot, start, count)) {
        const data = parts[index].subarray(run.offset, run.offset + run.bytes);
        writeBuffer(this.#gpu, buffer, { data, offset: run.at });
      }
    }
  }

  /** Contiguous stretches of a token range, which pages cut apart. */
  *#runs(slot: number, start: number, count: number) {
    const pages = this.#held.get(slot)!;
    for (let done = 0; done < count;) {
      const position = start + done;
      const length = Math.min(count - done, PAGE - position % PAGE);
      const row = pages[Math.floor(position / PAGE)] * PAGE + position % PAGE;
      yield {
        at: row * this.#tokenBytes,
        offset: done * this.#tokenBytes,
        bytes: length * this.#tokenBytes,
      };
      done += length;
    }
  }
}
