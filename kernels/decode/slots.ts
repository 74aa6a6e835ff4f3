/** Layout of a decoding slot's state, the host's side of `kernels/decode/slots.wgsl`. */

/** Fields of `struct Slot` in order; each is one 32-bit word. */
export const SLOT_FIELDS = {
  phase: "u32",
  block_start: "u32",
  step: "u32",
  post: "u32",
  draws: "u32",
  reason: "u32",
  block: "u32",
  prompt: "u32",
  end: "u32",
  rules: "u32",
  steps: "u32",
  minimum: "u32",
  max_post: "u32",
  seed: "u32",
  threshold: "f32",
  edit_threshold: "f32",
  penalty: "f32",
  temperature: "f32",
  top_k: "u32",
  top_p: "f32",
  confidence_rule: "u32",
  credit_alpha: "f32",
  credit_beta: "f32",
  credit_gamma: "f32",
  low_threshold: "f32",
} as const;

/** Words of one slot. */
export const SLOT_WORDS: number = Object.keys(SLOT_FIELDS).length;

/** A slot's fields as numbers. */
export type SlotState = Record<keyof typeof SLOT_FIELDS, number>;

/** What a slot is doing; one that commits denoises a block and stores the one before it (kernels/decode/plan.wgsl). */
export const PHASE = { idle: 0, denoise: 1, commit: 2, done: 3 } as const;

/** Bits of `rules`; see kernels/decode/slots.wgsl. */
export const RULE = {
  stopAfterBlock: 1,
  stopInside: 2,
  edit: 4,
  capAfter: 8,
  relative: 16,
  credit: 32,
  schedule: 64,
  runs: 128,
  indel: 256,
} as const;

/** Whether a slot's tokens are drawn without storing logits; is_greedy in kernels/decode/slots.wgsl. */
export function isGreedy(
  { temperature, penalty, rules }: Pick<SlotState, "temperature" | "penalty" | "rules">,
): boolean {
  return temperature === 0 && penalty === 0 && (rules & (RULE.credit | RULE.indel)) === 0;
}

/** Why a slot is done. */
export const REASON = { none: 0, stop: 1, length: 2, notFinite: 3 } as const;

/** Writes a slot as the words that the kernels read. */
export function packSlot(state: SlotState): Uint32Array<ArrayBuffer> {
  const words = new DataView(new ArrayBuffer(SLOT_WORDS * 4));
  for (const [index, [name, type]] of Object.entries(SLOT_FIELDS).entries()) {
    const value = state[name as keyof SlotState];
    if (type === "u32") words.setUint32(index * 4, value, true);
    else words.setFloat32(index * 4, value, true);
  }
  return new Uint32Array(words.buffer);
}

/** Reads the slot that starts at word `at`. */
export function unpackSlot(words: Uint32Array, at: number): SlotState {
  const view = new DataView(words.buffer, words.byteOffset + at * 4, SLOT_WORDS * 4);
  const entries = Object.entries(SLOT_FIELDS).map(([name, type], index) => [
    name,
    type === "u32" ? view.getUint32(index * 4, true) : view.getFloat32(index * 4, true),
  ]);
  return Object.fromEntries(entries);
}
