/** Buffers by content: upload, read back, and ownership. */
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

  /** A storage buffer of `bytes` (at least 16), zero at first. */
  empty(label: string, bytes: number): GPUBuffer {
    const size = Math.max(16, Math.ceil(bytes / 16) * 16);
    const usage = STORAGE | COPY_SRC | COPY_DST;
    const buffer = this.gpu.device.createBuffer({ label, size, usage });
    this.#buffers.push(buffer);
    return buffer;
  }

  /** A storage buffer with these contents. */
  upload(label: string, data: ArrayBufferView<ArrayBuffer>): GPUBuffer {
    const buffer = this.empty(label, data.byteLength);
    writeBuffer(this.gpu, buffer, { data });
    return buffer;
  }

  /** A buffer the host can map after a copy. */
  staging(label: string, bytes: number): GPUBuffer {
    const size = Math.max(16, Math.ceil(bytes / 16) * 16);
    const buffer = this.gpu.device.createBuffer({ label, size, usage: MAP_READ | COPY_DST });
    this.#buffers.push(buffer);
    return buffer;
  }

  destroy(): void {
    for (const buffer of this.#buffers.splice(0)) buffer.destroy();
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
  for (let at = 0; at < bytes.length; at += WRITE_BYTES) {
    gpu.device.queue.writeBuffer(buffer, offset + at, bytes.subarray(at, at + WRITE_BYTES));
  }
}

/** Copies `bytes` of a buffer to the host: one round trip. */
export async function readBuffer(
  gpu: Gpu,
  buffer: GPUBuffer,
  { offset = 0, bytes = buffer.size - offset }: { offset?: number; bytes?: number } = {},
): Promise<ArrayBuffer> {
  const staging = gpu.device.createBuffer({
    label: `${buffer.label} read-back`,
    size: bytes,
    usage: MAP_READ | COPY_DST,
  });
  const encoder = gpu.device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, offset, staging, 0, bytes);
  gpu.device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const copy = staging.getMappedRange().slice(0);
  staging.destroy();
  gpu.check();
  return copy;
}
