/** Jobs that an engine can never decode, in words. */
import type { ModelConfig } from "../model/config.ts";
import { Refusal } from "../refusal.ts";
import type { EngineParts } from "./pass.ts";
import { endOf, type Job } from "./sequence.ts";

/** Why a job can never be decoded here, if so. */
export function refusalOf(
  job: Job,
  { slots: { canvasLength }, logitRows }: EngineParts,
  config: ModelConfig,
): Refusal | undefined {
  const end = endOf(job);
  if (end > canvasLength) return tooLong(end);
  const { block_length: block, policy } = job.decode;
  if (policy === "hf-2.2" && !config.editIds) {
    return new Refusal(
      'Cannot decode: policy "hf-2.2" with a model that has no edits, expected "delete_token_id" and "split_token_id" in config.json',
    );
  }
  const sharing = sharingRefusalOf(block, config);
  if (sharing || block <= logitRows) return sharing;
  return new Refusal(
    `Cannot decode: a block of ${block} tokens, expected at most the ${logitRows} whose logits fit a binding of this adapter`,
  );
}

/** Why tokens cannot be taken in such blocks, where those that share experts have to stay together. */
export function sharingRefusalOf(
  block: number,
  { blockRouting }: ModelConfig,
): Refusal | undefined {
  if (!blockRouting || block % blockRouting.rows === 0) return undefined;
  return new Refusal(
    `Cannot decode: a block of ${block} tokens, expected a multiple of the ${blockRouting.rows} that share their experts in this model`,
  );
}

/** Tokens that never fit. */
export function tooLong(tokens: number): Refusal {
  return new Refusal(
    `Cannot decode: ${tokens} tokens do not fit the context or the memory for keys and values`,
  );
}
