/**
 * Decoding policies as values: what each puts into a slot of the one unmasking loop
 * (`kernels/decode/accept.wgsl`). Rules and sources: spec/model.md sections 5 to 7.
 *
 * hf-2.2 is `_joint_decode_block` of LLaDA2.2's modeling_llada2_moe.py, as ports that were checked against that
 * file have it (FluxServe's `levenshtein_joint`, minnow's `decode_block`). It differs from it in four ways: the mask
 * is never drawn; which change is drawn again to leave a circle is the record's seed's choice, and it becomes the
 * best other id; the thousandth step of a block settles it instead of leaving masks; and edits neither move nor
 * replace ids of the prompt.
 */
import { RULE } from "../../kernels/decode/slots.ts";
import type { DecodeOptions, Policy } from "./options.ts";

/** What sets a policy apart from the others. */
interface PolicyRules {
  /** Bits that always hold. */
  readonly rules: number;
  /** Bits that `eos_early_stop` adds. */
  readonly earlyStop: number;
  /** Whose rule of drawing, and which probability is its confidence; see kernels/decode/sample.wgsl. */
  readonly confidence: 0 | 1 | 2;
  /** Fewest tokens a step accepts, where no schedule decides. */
  minimum(options: DecodeOptions): number;
}

const POLICIES: Readonly<Record<Policy, PolicyRules>> = {
  "hf-2.0": {
    rules: RULE.schedule | RULE.stopAfterBlock,
    earlyStop: RULE.stopInside,
    confidence: 0,
    minimum: () => 1,
  },
  "hf-2.1": {
    rules: RULE.edit,
    earlyStop: RULE.stopAfterBlock,
    confidence: 0,
    minimum: (options) => options.num_to_transfer,
  },
  "hf-2.2": {
    rules: RULE.schedule | RULE.edit | RULE.indel,
    earlyStop: RULE.stopAfterBlock,
    confidence: 2,
    minimum: () => 0,
  },
  "low-confidence": {
    rules: RULE.stopAfterBlock,
    earlyStop: RULE.stopInside,
    confidence: 1,
    minimum: () => 1,
  },
  "joint-threshold": {
    rules: RULE.edit | RULE.capAfter | RULE.stopAfterBlock,
    earlyStop: 0,
    confidence: 1,
    minimum: () => 1,
  },
  "credit": {
    rules: RULE.relative | RULE.credit | RULE.stopAfterBlock,
    earlyStop: RULE.stopInside,
    confidence: 2,
    minimum: () => 1,
  },
  "hierarchy": {
    rules: RULE.runs | RULE.stopAfterBlock,
    earlyStop: RULE.stopInside,
    confidence: 2,
    minimum: () => 1,
  },
};

/** The part of a slot's state that decode options determine. */
export function slotRules(options: DecodeOptions) {
  const policy = POLICIES[options.policy];
  let rules = policy.rules | (options.eos_early_stop ? policy.earlyStop : 0);
  if (options.edit_threshold === "off") rules &= ~RULE.edit;
  return {
    rules,
    block: options.block_length,
    steps: policy.rules & RULE.indel ? options.steps : Math.max(
      1,
      Math.min(options.steps, Math.floor(options.gen_length / options.minimal_topk)),
    ),
    minimum: policy.minimum(options),
    max_post: options.max_post_steps,
    threshold: options.threshold,
    edit_threshold: options.edit_threshold === "off" ? 0 : options.edit_threshold,
    penalty: options.policy === "joint-threshold" ? options.penalty_lambda : 0,
    // SGLang takes a top_k of 1 for greedy decoding.
    temperature: policy.confidence === 1 && options.top_k === 1 ? 0 : options.temperature,
    top_k: options.top_k,
    top_p: options.top_p,
    confidence_rule: policy.confidence,
    credit_alpha: options.credit_alpha,
    credit_beta: options.credit_beta,
    credit_gamma: options.credit_gamma,
    low_threshold: options.low_threshold,
  };
}

/** Steps a block is expected to take before any was seen; only speed depends on it. */
export function expectedSteps(options: DecodeOptions): number {
  const perStep = options.threshold >= 1 ? 1 : 4;
  return Math.min(options.block_length / perStep, options.steps);
}
