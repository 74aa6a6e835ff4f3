/** Finds where a value that is not finite first appears: what the user has to look at. */
import { readBuffer } from "../gpu/buffers.ts";
import { submitPass } from "../gpu/submit.ts";
import { Refusal } from "../refusal.ts";
import { type EngineParts, writeRows } from "./pass.ts";
import type { Sequence } from "./sequence.ts";
import { PREFILL_ROWS } from "./sizes.ts";

/** The refusal of a record whose last pass was not finite: names where that began. */
export async function notFinite<T>(
  parts: EngineParts,
  { canvas, slot, state, job }: Sequence<T>,
): Promise<Refusal> {
  const { block_length: blockLength } = job.decode;
  const tokens = canvas.subarray(0, state.block_start + blockLength);
  const culprit = await firstNotFinite(parts, { tokens, slot, blockLength });
  return new Refusal(
    `Cannot decode: logits are not finite, first seen in ${culprit}, expected finite weights and activations (try --dtype f32, or "unmask doctor --weights")`,
  );
}

/**
 * Repeats the passes that lead to the end of `tokens`, from the first position on, and looks at the
 * residual stream after each layer part: the first part whose output is not finite, in words.
 */
async function firstNotFinite(
  parts: EngineParts,
  { tokens, slot, blockLength }: { tokens: Uint32Array; slot: number; blockLength: number },
): Promise<string> {
  const most = Math.min(PREFILL_ROWS, parts.logitRows);
  const perPass = Math.max(1, Math.floor(most / blockLength)) * blockLength;
  for (let from = 0; from < tokens.length; from += perPass) {
    const to = Math.min(tokens.length, from + perPass);
    writeRows(parts, tokens, { slot, blockLength, from, to, logits: true });
    const culprit = await inOnePass(parts, to - from);
    if (culprit) return culprit;
  }
  return "lm_head";
}

async function inOnePass(
  { gpu, buffers, forward, hidden }: EngineParts,
  rows: number,
): Promise<string | undefined> {
  let part = "the embedding";
  for (const dispatch of forward) {
    submitPass(gpu, [dispatch], rows);
    // A norm first adds to x what the part before it computed.
    const norm = /^(?:layers\.(\d+)\.(input_norm|post_norm)|norm)$/.exec(dispatch.label);
    if (!norm) continue;
    const x = new Float32Array(await readBuffer(gpu, buffers.x, { bytes: 4 * rows * hidden }));
    if (x.some((value) => !Number.isFinite(value))) return part;
    const [, layer, kind] = norm;
    part = kind === "input_norm" ? `layer ${layer} (attention)` : `layer ${layer} (MLP)`;
  }
  return undefined;
}
