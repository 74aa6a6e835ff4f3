/** Edge: rows in another format, made on every core once there are many of them. */
import {
  type Conversion,
  convertRows,
  inBlocks,
  type StoredRows,
} from "../../kernels/weights/weight.ts";
import type { Answer } from "./convert_thread.ts";

/** Turns rows into another format, and may take the given ones away. */
export type Convert = (conversion: Conversion) => Promise<StoredRows>;

/** Converts on this thread. */
export const convertHere: Convert = (conversion) => Promise.resolve(convertRows(conversion));

/** Bytes that are rounded to blocks here, since other threads would not have started before they are done. */
const FEW_BYTES = 32 << 20;

/** More threads than this wait for the disk. */
const MOST_THREADS = 8;

/**
 * Rounds rows to blocks on threads of its own from a number of bytes on; in a web page on this one. Floats stay
 * here: to hand them over takes as long as to convert them.
 */
export class Converters implements Disposable {
  #bytes = 0;
  #threads: readonly Thread[] = [];

  constructor(
    readonly options: { readonly fewBytes?: number; readonly threads?: number } = {},
  ) {}

  /** Conversions that it makes at once. */
  get atOnce(): number {
    return Math.max(1, this.#threads.length);
  }

  readonly convert: Convert = async (conversion) => {
    if (!inBlocks(conversion.to) || typeof Deno === "undefined") return convertRows(conversion);
    this.#bytes += conversion.rows.values.length;
    if (this.#bytes <= (this.options.fewBytes ?? FEW_BYTES)) return convertRows(conversion);
    this.#start();
    const idlest = this.#threads.reduce((a, b) => b.waiting < a.waiting ? b : a);
    return await idlest.convert(conversion);
  };

  [Symbol.dispose](): void {
    for (const thread of this.#threads) thread.end();
    this.#threads = [];
  }

  #start(): void {
    if (this.#threads.length > 0) return;
    const { threads = Math.min(navigator.hardwareConcurrency, MOST_THREADS) } = this.options;
    this.#threads = Array.from({ length: threads }, () => new Thread());
  }
}

/** A thread, and what it has been asked. */
class Thread {
  readonly #worker = new Worker(new URL("./convert_thread.ts", import.meta.url).href, {
    type: "module",
  });
  readonly #asked: PromiseWithResolvers<StoredRows>[] = [];

  constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      const { resolve, reject } = this.#asked.shift()!;
      if ("problem" in data) reject(failure(data.problem));
      else resolve(data);
    };
    this.#worker.onerror = (event) => { // it did not start
      event.preventDefault();
      for (const { reject } of this.#asked.splice(0)) reject(failure(event.message));
    };
  }

  get waiting(): number {
    return this.#asked.length;
  }

  convert(conversion: Conversion): Promise<StoredRows> {
    const { values, scales } = conversion.rows;
    this.#worker.postMessage(conversion, scales ? [values.buffer, scales.buffer] : [values.buffer]);
    const answer = Promise.withResolvers<StoredRows>();
    this.#asked.push(answer);
    return answer.promise;
  }

  end(): void {
    this.#worker.terminate();
  }
}

function failure(problem: string): Error {
  return new Error(`Cannot convert weights: ${problem}`);
}
