/** Rows of a pass that the host plans: prompts to prefill, and whole sequences to study. */

/** A stretch of a sequence. */
export interface Span {
  readonly slot: number;
  readonly blockLength: number;
  readonly from: number;
  readonly to: number;
}

/**
 * Rows [to - from, 4] of (slot, position, token, visible keys). Block-causal: a row sees every key up to
 * the end of its own block, or of the sequence (spec/model.md section 4).
 */
export function spanRows(tokens: ArrayLike<number>, span: Span): Uint32Array<ArrayBuffer> {
  const { slot, blockLength, from, to } = span;
  const rows = new Uint32Array(4 * (to - from));
  for (let position = from; position < to; position++) {
    const blockEnd = (Math.floor(position / blockLength) + 1) * blockLength;
    const keys = Math.min(blockEnd, tokens.length);
    rows.set([slot, position, tokens[position], keys], 4 * (position - from));
  }
  return rows;
}
