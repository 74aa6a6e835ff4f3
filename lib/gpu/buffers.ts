/** Buffers by content: upload, read back, ownership, and errors that name the buffer. */
import { Refusal } from "../refusal.ts";
import type { Gpu } from "./device.ts";

const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;

/** Largest single write; larger ones stall the queue and double memory. */
const WRITE_BYTES = 64 << 20;

/** Makes storage buffers and frees them together. */
export class BufferPool {
  readonly #buffers: GPUBuffer[] = [];

  constructor(readonly gpu: Gpu) {}

  /** Bytes of all buffers made so far. */
  get bytes(): number {
    return this.#buffers.reduce((sum, buffer) => sum + buffer.size, 0);
  }

  /** A storage buffer of `bytes` (at least 16), zero at first; refuses what the device cannot hold. */
  empty(label: string, bytes: number): GPUBuffer {
    const { gpu } = this;
    const size = Math.max(16, Math.ceil(bytes / 16) * 16);
    const { maxBufferSize, maxStorageBufferBindingSize } = gpu.device.limits;
    const most = Math.min(maxBufferSize, maxStorageBufferBindingSize);
    if (size > most) {
      throw new Refusal(
        `Cannot make buffer "${label}": it needs ${size} bytes, expected at most ${most}, the limit of adapter "${gpu.adapter}" (try ${gpu.memory.advice})`,
      );
    }
    gpu.memory.checkRoom(`buffer "${label}"`, size);
    const { device, memory } = gpu;
    device.pushErrorScope("out-of-memory");
    const buffer = device.createBuffer({ label, size, usage: STORAGE | COPY_SRC | COPY_DST });
    // The answer comes a turn later: `gpu.check` throws it, at the latest before anything is read back.
    device.popErrorScope().then((error) => error && gpu.fail(memory.exhausted(label, size)));
    memory.add(size);
    this.#buffers.push(buffer);
    return buffer;
  }

  /** A storage buffer with these contents. */
  upload(label: string, data: ArrayBufferView<ArrayBuffer>): GPUBuffer {
    const buffer = this.empty(label, data.byteLength);
    writeBuffer(this.gpu, buffer, { data });
    return buffer;
  }

  destroy(): void {
    for (const buffer of this.#buffers.splice(0)) {
      this.gpu.memory.remove(buffer.size);
      buffer.destroy();
    }
  }
}

/** Writes `data` at byte `offset`; lengths are padded to 4 bytes with zeros, as WebGPU demands. */
export function writeBuffer(
  gpu: Gpu,
  buffer: GPUBuffer,
  { data, offset = 0 }: { data: ArrayBufferView<ArrayBuffer>; offset?: number },
): void {
  let bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (bytes.length % 4 !== 0) {
    const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
    padded.set(bytes);
    bytes = padded;
  }
  if (offset + bytes.length > buffer.size) {
    throw new RangeError(
      `Cannot write buffer "${buffer.label}": bytes ${offset} to ${
        offset + bytes.length
      }, expected at most its ${buffer.size}`,
    );
  }
  for (let at = 0; at < bytes.length; at += WRITE_BYTES) {
    gpu.device.queue.writeBuffer(buffer, offset + at, bytes.subarray(at, at + WRITE_BYTES));
  }
}

/** A buffer that `takeMapped` will read once a copy into it was submitted. */
export function stagingBuffer(gpu: Gpu, label: string, bytes: number): GPUBuffer {
  const buffer = gpu.device.createBuffer({ label, size: bytes, usage: MAP_READ | COPY_DST });
  gpu.memory.add(bytes);
  return buffer;
}

/** Waits for a staging buffer's copy, takes its contents and frees it. */
export async function takeMapped(gpu: Gpu, staging: GPUBuffer): Promise<ArrayBuffer> {
  try {
    // Deno says "validation error occurred" and no more, and kills the process on a range not mapped.
    await staging.mapAsync(GPUMapMode.READ);
    gpu.check();
    return staging.getMappedRange().slice(0);
  } catch (cause) {
    // What went wrong on the device is told a moment later, and says more than the failed mapping.
    await gpu.settle();
    const reason = gpu.fault ?? cause;
    if (reason instanceof Refusal) throw reason;
    const message = reason instanceof Error ? reason.message : String(reason);
    throw new Error(`Cannot map buffer "${staging.label}": ${message}`, { cause });
  } finally {
    dropStaging(gpu, staging);
  }
}

/** Frees a staging buffer that nobody will read. */
export function dropStaging(gpu: Gpu, staging: GPUBuffer): void {
  gpu.memory.remove(staging.size);
  staging.destroy();
}

/** Copies `bytes` of a buffer to the host: one round trip. */
export async function readBuffer(
  gpu: Gpu,
  buffer: GPUBuffer,
  { offset = 0, bytes = buffer.size - offset }: { offset?: number; bytes?: number } = {},
): Promise<ArrayBuffer> {
  const staging = stagingBuffer(gpu, `${buffer.label} read-back`, bytes);
  const encoder = gpu.device.createCommandEncoder({ label: staging.label });
  encoder.copyBufferToBuffer(buffer, offset, staging, 0, bytes);
  gpu.device.queue.submit([encoder.finish()]);
  return await takeMapped(gpu, staging);
}
