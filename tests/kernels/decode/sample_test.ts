import assert from "@std/assert";
import { MAX_BLOCK, sampleKernel, type SlotBuffers } from "../../../kernels/decode/decode.ts";
import { packSlot, PHASE, SLOT_FIELDS, type SlotState } from "../../../kernels/decode/slots.ts";
import { liveRows, uniform } from "../../../kernels/spec.ts";
import { BufferPool, readBuffer } from "../../../lib/gpu/buffers.ts";
import type { Gpu } from "../../../lib/gpu/device.ts";
import { submitPass } from "../../../lib/gpu/submit.ts";
import { withGpu } from "../../gpu.ts";

const NONE = Object.fromEntries(Object.keys(SLOT_FIELDS).map((name) => [name, 0])) as SlotState;
const MASK = 1;
const PUNISHED = 3;

/** What is drawn at position 1 of a slot that has these logits for it. */
async function drawOne(
  gpu: Gpu,
  { logits, slot }: { logits: Float32Array<ArrayBuffer>; slot: Partial<SlotState> },
): Promise<{ token: number; confidence: number; count: number }> {
  const pool = new BufferPool(gpu);
  const words = (label: string, count: number) => pool.empty(label, 4 * count);
  const state = { ...NONE, phase: PHASE.denoise, block: 2, temperature: 1, top_p: 1, ...slot };
  const buffers: SlotBuffers = {
    slots: 1,
    canvasLength: MAX_BLOCK,
    live: pool.upload("live", Uint32Array.of(...liveRows(1), 0, 0, 0, 0)),
    rows: pool.upload("rows", Uint32Array.of(0, 1, MASK, 1)),
    state: pool.upload("slots", packSlot(state)),
    canvas: pool.upload("canvas", new Uint32Array(MAX_BLOCK).fill(PUNISHED)),
    confidence: words("confidence", MAX_BLOCK),
    drawn: words("drawn", 4 * MAX_BLOCK),
    stats: words("stats", 2 * MAX_BLOCK),
    notes: words("notes", 2 * MAX_BLOCK * (1 + MAX_BLOCK)),
    trace: words("trace", 4),
  };
  const dispatch = await sampleKernel(gpu.launcher, buffers, {
    logits: pool.upload("logits", logits),
    vocab: logits.length,
    mask: MASK,
  });
  submitPass(gpu, [dispatch], 1);
  const drawn = await readBuffer(gpu, buffers.drawn, { bytes: 16 });
  pool.destroy();
  const [token, , count] = new Uint32Array(drawn);
  const [, confidence] = new Float32Array(drawn);
  return { token, confidence, count };
}

for (
  const [target, vocab] of [
    ["cpu", 32_768],
    ["cpu", 157_184],
    ["cpu", 600_000],
    ["gpu", 157_184],
  ] as const
) {
  // Mesa's CPU driver ends the loops of an invocation early where they turn too often.
  withGpu(`sampling sees the end of ${vocab} ids (${target} shape)`, {
    target,
  }, async (gpu) => {
    const ties = [vocab - 700, vocab - 300, vocab - 1];
    const logits = new Float32Array(vocab);
    for (const id of ties) logits[id] = 60;
    const cases = [
      { top_k: 0, top_p: 1, kept: vocab, drawn: ties },
      { top_k: 50, top_p: 1, kept: vocab, drawn: ties },
      { top_k: 0, top_p: 0.9, kept: 3, drawn: ties },
      { top_k: 3, top_p: 0.9, kept: 3, drawn: ties },
      { top_k: 0, top_p: 0.5, kept: 2, drawn: ties.slice(0, 2) },
      { top_k: 3, top_p: 0.1, kept: 1, drawn: ties.slice(0, 1) },
    ];
    for (const { kept, drawn: wanted, ...filter } of cases) {
      const { token, confidence, count } = await drawOne(gpu, { logits, slot: filter });
      const what = `${JSON.stringify(filter)}: drew ${token} of ${count} at ${confidence}`;
      assert.ok(wanted.includes(token), what);
      assert.ok(Math.abs(confidence - 1 / wanted.length) < 1e-4, what);
      assert.equal(count, kept, what);
    }
  });
}

/** `hash` of kernels/decode/sample.wgsl. */
function hash(a: number): number {
  a = Math.imul(a ^ a >>> 16, 0x21f0aaad);
  a = Math.imul(a ^ a >>> 15, 0x735a2d97);
  return (a ^ a >>> 15) >>> 0;
}

/** The random 32 bits of an id at position 1, of which `gumbel` makes its noise. */
function bitsOf(seed: number, id: number): number {
  return hash(hash(hash(seed ^ hash(1)) ^ id) + Math.imul(id, 0x9e3779b9));
}

function noiseOf(seed: number, id: number): number {
  return -Math.log(-Math.log((bitsOf(seed, id) + 0.5) / 2 ** 32));
}

/** What the head of sample.wgsl says, by sorting. */
function reference(
  logits: Float32Array,
  { seed, temperature, penalty, top_k, top_p, confidence_rule }: typeof RANDOM,
): { token: number; confidence: number; count: number } {
  const z = Float32Array.from(logits, (value, id) => id === PUNISHED ? value - penalty : value);
  const sorted = Array.from(z.keys()).sort((a, b) => z[b] - z[a] || a - b);
  const weight = (id: number) => Math.exp((z[id] - z[sorted[0]]) / temperature);
  const sum = (ids: readonly number[], of = weight) => ids.reduce((s, id) => s + of(id), 0);
  const least = top_k > 0 && top_k < z.length ? z[sorted[top_k - 1]] : -Infinity;
  let kept = sorted.filter((id) => z[id] >= least);
  if (top_p < 1) {
    const goal = top_p * sum(confidence_rule === 1 ? sorted : kept);
    let before = 0;
    kept = kept.filter((id) => (before += weight(id)) - weight(id) <= goal);
  }
  let token = -1;
  let most = -Infinity;
  for (const id of kept) {
    const noisy = z[id] / temperature + noiseOf(seed, id);
    if (id !== MASK && noisy > most) [token, most] = [id, noisy];
  }
  const whole = sum(sorted, (id) => Math.exp(z[id] - z[sorted[0]]));
  const drawn = token < 0 ? sorted.find((id) => id !== MASK)! : token;
  const raw = Math.exp(z[drawn] - z[sorted[0]]) / whole;
  const confidences = [weight(drawn) / sum(kept), Math.min(1 / whole, weight(drawn)), raw];
  const confidence = token < 0 ? raw : confidences[confidence_rule];
  return { token: drawn, confidence, count: kept.length };
}

const RANDOM = { seed: 0, temperature: 1, penalty: 0, top_k: 0, top_p: 1, confidence_rule: 0 };

for (const target of ["cpu", "gpu"] as const) {
  withGpu(`sampling keeps and draws what sorting says (${target} shape)`, {
    target,
  }, async (gpu) => {
    const draws = [301, 20_004].flatMap((vocab, v) =>
      [
        { top_k: 1, penalty: 9 },
        { top_k: 7, temperature: 0.7 },
        { top_k: 2000, confidence_rule: 2 },
        { top_p: 0.9, penalty: 0.5, temperature: 0.8 },
        { top_p: 0.2, temperature: 1.5, confidence_rule: 1 },
        { top_k: 40, top_p: 0.6 },
        { top_k: 40, top_p: 0.05, confidence_rule: 1 },
        { top_p: 0.001 },
        { temperature: 0.1, confidence_rule: 2 },
      ].flatMap((filter, f) =>
        [0, 1].map(async (steps) => {
          const slot = { ...RANDOM, seed: 10 * v + f, ...filter };
          // Of whole logits many are equal. A few ids lead, one of which is the mask.
          const logits = uniform(vocab, 1 + v + f, 6).map((z) => steps ? Math.round(z) : z);
          for (const id of [MASK, vocab >> 1, vocab - 1]) logits[id] += 7;
          const found = await drawOne(gpu, { logits, slot });
          const wanted = reference(logits, slot);
          const what = JSON.stringify({ vocab, steps, slot, found, wanted });
          assert.equal(found.token, wanted.token, what);
          assert.equal(found.count, wanted.count, what);
          assert.ok(Math.abs(found.confidence - wanted.confidence) < 1e-5, what);
        })
      )
    );
    await Promise.all(draws);
  });
}

/** A seed by which some id but the first two gets noise such as comes once in 2^26 draws: 18 and more. */
function luckySeed(vocab: number): { seed: number; lucky: number } {
  for (let seed = 1;; seed++) {
    for (let lucky = 2; lucky < vocab; lucky++) {
      if (bitsOf(seed, lucky) >= 0xffffffc0) return { seed, lucky };
    }
  }
}

for (const target of ["cpu", "gpu"] as const) {
  withGpu(`the unlikeliest id is drawn as often as it should (${target} shape)`, {
    target,
  }, async (gpu) => {
    const { seed, lucky } = luckySeed(512);
    const noise = noiseOf(seed, 0);
    // Noise of 18 beats a lead of 17.7, never one of 60.
    for (const [lead, wanted] of [[17.7, lucky], [60, 0]]) {
      const logits = new Float32Array(512);
      logits[0] = lead - noise;
      const { token } = await drawOne(gpu, { logits, slot: { seed } });
      assert.equal(token, wanted);
    }
  });
}
