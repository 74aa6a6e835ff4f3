/** How far the logits of a rounded model are from the exact one's. */
import { concat } from "../lib/concat.ts";
import type { Engine } from "../lib/diffusion/engine.ts";

/** Distance of two models' logits, over positions. */
export interface Distance {
  /** Mean Kullback-Leibler divergence KL(exact || found), in nats. */
  readonly kl: number;
  /** Share of positions whose most likely token is the same. */
  readonly top1: number;
}

/** Compares logits [positions, vocab]: KL = sum_t p(t) (log p(t) - log q(t)), p of `exact`. */
export function logitDistance(
  exact: Float32Array,
  found: Float32Array,
  vocab: number,
): Distance {
  const positions = exact.length / vocab;
  let kl = 0;
  let same = 0;
  for (let position = 0; position < positions; position++) {
    const part = [position * vocab, (position + 1) * vocab] as const;
    const p = logSoftmax(exact.subarray(...part));
    const q = logSoftmax(found.subarray(...part));
    if (largestAt(p) === largestAt(q)) same++;
    for (let t = 0; t < vocab; t++) kl += Math.exp(p[t]) * (p[t] - q[t]);
  }
  return { kl: kl / positions, top1: same / positions };
}

function logSoftmax(logits: Float32Array): Float64Array {
  const values = Float64Array.from(logits);
  const top = values[largestAt(values)];
  const sum = values.reduce((total, value) => total + Math.exp(value - top), 0);
  const shift = top + Math.log(sum);
  return values.map((value) => value - shift);
}

function largestAt(values: Float64Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

/** Token ids whose logits are compared, from position `from` on. */
export interface Case {
  readonly ids: readonly number[];
  readonly from: number;
  readonly block: number;
}

/** Logits of every compared position of the cases, one after another. */
export async function probeLogits(engine: Engine, cases: readonly Case[]): Promise<Float32Array> {
  const { vocabSize } = engine.model.config;
  const parts: Float32Array[] = [];
  for (const { ids, from, block } of cases) {
    parts.push((await engine.logits(ids, block)).subarray(from * vocabSize));
  }
  return joined(parts);
}

/** The parts one after another. */
export function joined(parts: readonly Float32Array[]): Float32Array<ArrayBuffer> {
  const bytes = parts.map((part) => new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  return new Float32Array(concat(bytes).buffer);
}

/** The first step of an answer: the prompt, then masks to the end of its block; the masks count. */
export function firstStep(prompt: readonly number[], mask: number, block = 32): Case {
  const length = (Math.floor(prompt.length / block) + 1) * block;
  const masks = new Array<number>(length - prompt.length).fill(mask);
  return { ids: [...prompt, ...masks], from: prompt.length, block };
}
