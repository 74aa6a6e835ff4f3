/**
 * A step of decoding as one thing to check: plan, head, draw and accept. Two in a row, since what one leaves in
 * the slots shows in what the next one plans.
 */
import {
  acceptKernel,
  greedyKernel,
  planKernel,
  sampleKernel,
  type SlotBuffers,
} from "./decode.ts";
import type { Dispatch, Launcher } from "../launch.ts";
import { headGroups, matmulKernel } from "../matmul/matmul.ts";
import {
  packSlot,
  PHASE,
  RULE,
  SLOT_FIELDS,
  SLOT_WORDS,
  type SlotState,
  unpackSlot,
} from "./slots.ts";
import { type Arrays, type KernelSpec, uniform } from "../spec.ts";
import type { Weight } from "../weights/weight.ts";

/** `slots` at blocks of `block` tokens; logits are x . W^T, of `width` terms each. */
type DecodeShape = { slots: number; block: number; width: number; vocab: number };

const STEPS = 2;
const MASK = 1;
/** No id: nothing ends an answer. */
const EOS = 0xffffffff;
/** Blocks of a canvas. */
const BLOCKS = 4;

/** A slot in some phase, at its second block; hf-2.0's rules. */
function exampleSlot(s: number, { block }: DecodeShape, penalty: number): SlotState {
  const none = Object.fromEntries(Object.keys(SLOT_FIELDS).map((name) => [name, 0])) as SlotState;
  const phase = [PHASE.denoise, PHASE.commit, PHASE.done, PHASE.denoise, PHASE.idle][s % 5];
  return {
    ...none,
    phase,
    block,
    block_start: block,
    step: phase === PHASE.denoise ? s % 2 : 0,
    end: BLOCKS * block,
    rules: RULE.schedule,
    steps: Math.ceil(block / 2),
    threshold: 0.5,
    penalty,
  };
}

function exampleInputs(shape: DecodeShape, penalty: number): Arrays {
  const { slots, block, width, vocab } = shape;
  const canvas = BLOCKS * block;
  const rows = 2 * slots * block;
  const state = new Uint32Array(slots * SLOT_WORDS);
  const tokens = new Uint32Array(slots * canvas).fill(MASK);
  for (let s = 0; s < slots; s++) {
    const slot = exampleSlot(s, shape, penalty);
    state.set(packSlot(slot), s * SLOT_WORDS);
    // Every other slot has but one mask left in its block, so that it moves on.
    const settled = s % 2 === 0 ? 2 * block - 1 : block + (s * 3) % block;
    for (let i = 0; i < settled; i++) tokens[s * canvas + i] = 2 + (s + 7 * i) % (vocab - 2);
  }
  const w = uniform(vocab * width, 12, 2);
  // The mask is often on top, and must not be drawn.
  for (let i = 0; i < width; i++) w[MASK * width + i] *= 2;
  return {
    live: new Uint32Array(4 + slots),
    rows: new Uint32Array(4 * rows),
    slots: state,
    canvas: tokens,
    confidence: new Float32Array(slots * canvas),
    drawn: new Uint32Array(4 * rows),
    stats: new Uint32Array(2 * slots * canvas),
    notes: new Uint32Array(4),
    trace: new Uint32Array(4),
    x: uniform(rows * width, 11, 2),
    w,
    scores: new Float32Array(4 * rows * vocab),
  };
}

/** The id drawn for a row, and its probability; `punished` loses `penalty`. */
function draw(
  { x, w }: Arrays,
  { row, width, vocab }: { row: number; width: number; vocab: number },
  { punished, penalty }: { punished: number; penalty: number },
): { token: number; confidence: number } {
  const logits = Float64Array.from({ length: vocab }, (_, id) => {
    let sum = id === punished ? -penalty : 0;
    for (let i = 0; i < width; i++) sum += x[row * width + i] * w[id * width + i];
    return sum;
  });
  const most = logits.reduce((a, b) => Math.max(a, b));
  const sum = logits.reduce((total, z) => total + Math.exp(z - most), 0);
  let token = 0;
  for (let id = 2; id < vocab; id++) if (logits[id] > logits[token]) token = id;
  return { token, confidence: Math.exp(logits[token] - most) / sum };
}

/** spec/model.md section 5 (HF 2.0), and how slots move on (accept.wgsl). */
function reference(shape: DecodeShape, inputs: Arrays): Record<string, ArrayLike<number>> {
  const { slots, block } = shape;
  const canvasLength = BLOCKS * block;
  const [live, rows, canvas, stats] = [inputs.live, inputs.rows, inputs.canvas, inputs.stats]
    .map((array) => Array.from(array));
  const confidence = Array.from(inputs.confidence);
  const states = Array.from(
    { length: slots },
    (_, s) => unpackSlot(inputs.slots as Uint32Array, s * SLOT_WORDS),
  );
  for (let step = 0; step < STEPS; step++) {
    let count = 0;
    const list = (s: number, from: number) => {
      for (let at = from; at < from + block; at++) {
        rows.splice(4 * count++, 4, s, at, canvas[s * canvasLength + at], from + block);
      }
    };
    const busy = states.flatMap(({ phase }, s) =>
      phase === PHASE.denoise || phase === PHASE.commit ? [s] : []
    );
    for (const s of busy) {
      live[4 + s] = count;
      list(s, states[s].block_start);
    }
    const denoised = count;
    for (const s of busy) {
      if (states[s].phase === PHASE.commit) list(s, states[s].block_start - block);
    }
    live.splice(0, 3, count, denoised, step + 1);
    for (const s of busy) {
      const slot = states[s];
      const at = s * canvasLength + slot.block_start;
      const masked = Array.from({ length: block }, (_, i) => i)
        .filter((i) => canvas[at + i] === MASK)
        .map((i) => {
          const punished = i > 0 ? canvas[at + i - 1] : -1;
          const row = live[4 + s] + i;
          return { i, ...draw(inputs, { ...shape, row }, { punished, penalty: slot.penalty }) };
        });
      const high = masked.filter(({ confidence }) => confidence > slot.threshold);
      const need = Math.floor(block / slot.steps) + (slot.step < block % slot.steps ? 1 : 0);
      const best = masked.toSorted((a, b) => b.confidence - a.confidence);
      const accepted = high.length >= need ? high : best.slice(0, need);
      for (const { i, token, confidence: c } of accepted) {
        canvas[at + i] = token;
        confidence[at + i] = c;
      }
      const done = accepted.length === masked.length || slot.step + 1 >= slot.steps;
      const last = slot.block_start + block >= slot.end;
      const moves = done && !last;
      const cell = 2 * (s * canvasLength + slot.block_start / block);
      stats.splice(cell, 2, slot.step + 1, slot.step + (moves ? 2 : 1));
      slot.phase = moves ? PHASE.commit : done ? PHASE.done : PHASE.denoise;
      slot.block_start += moves ? block : 0;
      slot.step = moves ? 0 : slot.step + 1;
    }
  }
  return { live, rows, canvas, stats, confidence };
}

async function prepare(
  launcher: Launcher,
  { slots, block, width, vocab }: DecodeShape,
  { buffers, whole }: { buffers: Record<string, GPUBuffer>; whole: boolean },
): Promise<Dispatch[]> {
  const { live, rows, slots: state, canvas, confidence, drawn, stats, notes, trace } = buffers;
  const shared: SlotBuffers = {
    ...{ slots, canvasLength: BLOCKS * block },
    ...{ live, rows, state, canvas, confidence, drawn, stats, notes, trace },
  };
  const w: Weight = {
    format: "f32",
    experts: 1,
    rows: vocab,
    columns: width,
    chunks: [{ buffer: buffers.w, start: 0, count: vocab }],
  };
  const { x, scores } = buffers;
  const head = whole ? {} : { head: { mask: MASK } };
  const partials = { partials: scores, groups: headGroups(launcher, w) };
  const ids = { mask: MASK, eos: [EOS], tracing: false };
  const step = [
    await planKernel(launcher, shared),
    ...await matmulKernel(launcher, { label: "head", live, rowsAt: 1, x, w, y: scores, ...head }),
    whole
      ? await sampleKernel(launcher, shared, { logits: scores, vocab, mask: MASK })
      : await greedyKernel(launcher, shared, partials),
    await acceptKernel(launcher, shared, ids),
  ];
  return Array.from({ length: STEPS }, () => step).flat();
}

/** Decoding from the fused head's partial results, or from whole logits with a penalty. */
function decodeSpec(whole: boolean): KernelSpec<DecodeShape> {
  return {
    name: whole ? "decode step, whole logits" : "decode step",
    shapes: [
      { slots: 1, block: 1, width: 4, vocab: 3 },
      { slots: 23, block: 9, width: 20, vocab: 301 },
    ],
    benchShapes: [],
    tolerance: 1e-5, // f32 sums of `width` terms under an exp, summed over the vocabulary
    inputs: (shape) => exampleInputs(shape, whole ? 0.25 : 0),
    reference,
    prepare: (launcher, shape, buffers) => prepare(launcher, shape, { buffers, whole }),
    rows: ({ slots, block }) => slots * block,
    bytes: ({ width, vocab }) => 4 * STEPS * width * vocab,
    flops: ({ slots, block, width, vocab }) => 2 * STEPS * slots * block * width * vocab,
  };
}

/** Decoding, greedy and not. */
export const decodeSpecs = [decodeSpec(false), decodeSpec(true)];
