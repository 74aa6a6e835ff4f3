/**
 * Random numbers without state: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011). A number depends on the seed, what it is for, the step, the row and its index
 * alone, so a run that was interrupted draws on exactly as if it had not been.
 */

/** What random numbers are for; each use has numbers of its own. */
export const USES = ["ratio", "noise", "kind", "token", "embedding", "shuffle", "init"] as const;

/** One of `USES`. */
export type Use = typeof USES[number];

/** Which numbers: each field below 2^32, the seed below 2^53. */
export interface DrawKey {
  /** The run's. */
  readonly seed: number;
  /** What the numbers are for. */
  readonly use: Use;
  /** Step of the run, or epoch of the data; 0 by default. */
  readonly step?: number;
  /** Row within the step; 0 by default. */
  readonly row?: number;
}

/** The random numbers of one key, by index (a whole number below 2^34). */
export class Draws {
  readonly #key: readonly [number, number];
  readonly #counter: readonly [number, number, number];
  readonly #words = new Uint32Array(4);
  #block = -1;

  constructor({ seed, use, step = 0, row = 0 }: DrawKey) {
    this.#key = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
    this.#counter = [row >>> 0, step >>> 0, USES.indexOf(use)];
  }

  /** 32 random bits. */
  uint32(index: number): number {
    const block = Math.floor(index / 4);
    if (block !== this.#block) {
      this.#words.set([block, ...this.#counter]);
      philox(this.#words, this.#key);
      this.#block = block;
    }
    return this.#words[index % 4];
  }

  /** Uniform in [0, 1), a multiple of 2^-32. */
  uniform(index: number): number {
    return this.uint32(index) / 2 ** 32;
  }

  /** A whole number from 0 to `count - 1`; its bias is below count / 2^32. */
  below(index: number, count: number): number {
    return Math.floor(this.uniform(index) * count);
  }

  /** Standard normal (Box and Muller), from the uniform numbers 2 index and 2 index + 1. */
  normal(index: number): number {
    const radius = Math.sqrt(-2 * Math.log((this.uint32(2 * index) + 1) / 2 ** 32));
    return radius * Math.cos(2 * Math.PI * this.uniform(2 * index + 1));
  }
}

/** A random order of the numbers below `count` (Fisher and Yates). */
export function shuffled(count: number, draws: Draws): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, at) => at);
  for (let at = count - 1; at > 0; at--) {
    const other = draws.below(at, at + 1);
    [order[at], order[other]] = [order[other], order[at]];
  }
  return order;
}

/** Ten rounds over a counter of four words, in place. */
export function philox(counter: Uint32Array, key: readonly [number, number]): void {
  let [a, b, c, d] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const highA = mulHigh(a, 0xd2511f53);
    const lowA = Math.imul(a, 0xd2511f53);
    const highC = mulHigh(c, 0xcd9e8d57);
    const lowC = Math.imul(c, 0xcd9e8d57);
    a = highC ^ b ^ k0;
    b = lowC;
    c = highA ^ d ^ k1;
    d = lowA;
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  counter.set([a, b, c, d]);
}

/** Upper 32 bits of the product of two unsigned words. */
function mulHigh(x: number, y: number): number {
  const xLow = x & 0xffff;
  const xHigh = x >>> 16;
  const yLow = y & 0xffff;
  const yHigh = y >>> 16;
  const middle = xHigh * yLow + ((xLow * yLow) >>> 16);
  const other = xLow * yHigh + (middle & 0xffff);
  return xHigh * yHigh + Math.floor(middle / 65536) + Math.floor(other / 65536);
}
