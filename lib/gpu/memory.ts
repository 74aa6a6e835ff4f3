/** What a device holds for us, and how much it may: WebGPU tells neither. */
import { Refusal } from "../refusal.ts";

/** Counts live buffers; refuses what exceeds a known limit. */
export class DeviceMemory {
  #buffers = 0;
  #bytes = 0;

  /** What to try when memory is short; a model that is loaded knows better. */
  advice = "a smaller model or --batch 1";

  /** `limit` is known for software adapters, which use the machine's memory. */
  constructor(readonly limit?: number) {}

  /** Live buffers. */
  get buffers(): number {
    return this.#buffers;
  }

  /** Bytes of live buffers. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Counts a buffer. */
  add(bytes: number): void {
    this.#buffers++;
    this.#bytes += bytes;
  }

  /** Forgets a buffer. */
  remove(bytes: number): void {
    this.#buffers--;
    this.#bytes -= bytes;
  }

  /** Whether this many bytes more stay within a known limit. */
  hasRoom(bytes: number): boolean {
    return this.limit === undefined || this.#bytes + bytes <= this.limit;
  }

  /** Refuses `what` when it exceeds what is left of a known limit. */
  checkRoom(what: string, bytes: number): void {
    if (this.hasRoom(bytes)) return;
    const left = Math.max(0, this.limit! - this.#bytes);
    throw new Refusal(
      `Cannot place ${what} on the device: it needs ${sizeOf(bytes)}, expected at most the ${
        sizeOf(left)
      } available (try ${this.advice})`,
    );
  }

  /** The refusal for a buffer that the driver found no memory for. */
  exhausted(label: string, bytes: number): Refusal {
    return new Refusal(
      `Cannot make buffer "${label}": the device is out of memory, it needs ${
        sizeOf(bytes)
      } beside the ${sizeOf(this.#bytes)} in use, expected them to fit (try ${this.advice})`,
    );
  }
}

/** Bytes in words. */
export function sizeOf(bytes: number): string {
  return bytes >= 2 ** 30
    ? `${(bytes / 2 ** 30).toFixed(1)} GiB`
    : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
