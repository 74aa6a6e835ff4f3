/**
 * Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998) as Python's `random.Random` and NumPy's
 * `RandomState` draw from it, for scorers whose official code is seeded.
 */

const WORDS = 624;
const SHIFT = 397;

/** The generator of 32-bit words. */
export class MersenneTwister {
  readonly #state = new Uint32Array(WORDS);
  #next = WORDS;

  /** A number seeds as NumPy's `RandomState(seed)`, a list of words as Python's `random.seed`. */
  constructor(seed: number | readonly number[]) {
    if (typeof seed === "number") this.#seedWord(seed);
    else this.#seedWords(seed);
  }

  /** The next word, 0..2^32-1. */
  uint32(): number {
    if (this.#next === WORDS) this.#twist();
    let y = this.#state[this.#next++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** The next float in [0, 1), from 53 bits of two words. */
  random(): number {
    const high = this.uint32() >>> 5;
    const low = this.uint32() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  /** `low + (high - low) u`, as both libraries compute it. */
  uniform(low: number, high: number): number {
    return low + (high - low) * this.random();
  }

  #seedWord(seed: number): void {
    const state = this.#state;
    state[0] = seed;
    for (let i = 1; i < WORDS; i++) {
      state[i] = Math.imul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i;
    }
    this.#next = WORDS;
  }

  #seedWords(key: readonly number[]): void {
    this.#seedWord(19650218);
    const state = this.#state;
    let i = 1;
    const step = (factor: number, add: number) => {
      const last = state[i - 1] ^ (state[i - 1] >>> 30);
      state[i] = (state[i] ^ Math.imul(last, factor)) + add;
      if (++i === WORDS) {
        state[0] = state[WORDS - 1];
        i = 1;
      }
    };
    for (let k = 0; k < Math.max(WORDS, key.length); k++) {
      const j = k % key.length;
      step(1664525, key[j] + j);
    }
    for (let k = 1; k < WORDS; k++) step(1566083941, -i);
    state[0] = 0x80000000;
  }

  #twist(): void {
    const state = this.#state;
    for (let i = 0; i < WORDS; i++) {
      const y = (state[i] & 0x80000000) | (state[(i + 1) % WORDS] & 0x7fffffff);
      state[i] = state[(i + SHIFT) % WORDS] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.#next = 0;
  }
}

/** Python's `random.Random(seed)` for integer seeds below 2^53 in size. */
export class PythonRandom {
  readonly #twister: MersenneTwister;
  #spareGauss: number | undefined;

  constructor(seed: number) {
    if (!Number.isSafeInteger(seed)) throw new RangeError(`seed ${seed} is not a safe integer`);
    const size = Math.abs(seed);
    const high = Math.floor(size / 2 ** 32);
    this.#twister = new MersenneTwister(high > 0 ? [size >>> 0, high] : [size >>> 0]);
  }

  /** A float in [0, 1). */
  random(): number {
    return this.#twister.random();
  }

  /** A float between `low` and `high`. */
  uniform(low: number, high: number): number {
    return this.#twister.uniform(low, high);
  }

  /** An integer from 0 to `end - 1`. */
  randrange(end: number): number {
    if (!(end > 0)) throw new RangeError(`randrange(${end}) is empty`);
    const bits = end >= 2 ** 32 ? 64 - Math.clz32(Math.floor(end / 2 ** 32)) : 32 - Math.clz32(end);
    for (;;) { // each draw succeeds with probability over one half
      const value = this.#bits(bits);
      if (value < end) return value;
    }
  }

  /** An integer from `low` to `high`, both included. */
  randint(low: number, high: number): number {
    return low + this.randrange(high - low + 1);
  }

  /** A member of a list that is not empty. */
  choice<T>(from: readonly T[]): T {
    return from[this.randrange(from.length)];
  }

  /** A normal deviate (Box-Muller, the second of each pair kept for the next call). */
  gauss(mean: number, deviation: number): number {
    let z = this.#spareGauss;
    this.#spareGauss = undefined;
    if (z === undefined) {
      const angle = this.random() * 2 * Math.PI;
      const radius = Math.sqrt(-2 * Math.log(1 - this.random()));
      z = Math.cos(angle) * radius;
      this.#spareGauss = Math.sin(angle) * radius;
    }
    return mean + z * deviation;
  }

  /** `count` random bits, at most 53; the low word is drawn first. */
  #bits(count: number): number {
    if (count <= 32) return this.#twister.uint32() >>> (32 - count);
    const low = this.#twister.uint32();
    return (this.#twister.uint32() >>> (64 - count)) * 2 ** 32 + low;
  }
}
