/** numpy's legacy generator: Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998) with 53-bit draws. */

const N = 624;
const M = 397;

/** `numpy.random.RandomState(seed)` for a seed of 32 bits. */
export class RandomState {
  readonly #state = new Uint32Array(N);
  #at = N;

  constructor(seed: number) {
    let previous = seed >>> 0;
    this.#state[0] = previous;
    for (let i = 1; i < N; i++) {
      previous = (Math.imul(1812433253, previous ^ (previous >>> 30)) + i) >>> 0;
      this.#state[i] = previous;
    }
  }

  /** A draw from [low, high). */
  uniform(low: number, high: number): number {
    const a = this.#word() >>> 5;
    const b = this.#word() >>> 6;
    return low + (high - low) * ((a * 67108864 + b) / 9007199254740992);
  }

  #word(): number {
    if (this.#at === N) this.#renew();
    let y = this.#state[this.#at++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  #renew(): void {
    const s = this.#state;
    for (let i = 0; i < N; i++) {
      const y = (s[i]! & 0x80000000) | (s[(i + 1) % N]! & 0x7fffffff);
      s[i] = s[(i + M) % N]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.#at = 0;
  }
}
