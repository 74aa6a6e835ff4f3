/** Options that decide a decoding's result, as they stand in a record's `decode` field. */
import { Refusal } from "../refusal.ts";
import { inRange, type Range, rangeText } from "../range.ts";
import { shown } from "../records/record.ts";

/** Names of the decoding policies. */
export const POLICY_NAMES = [
  "hf-2.0",
  "hf-2.1",
  "hf-2.2",
  "low-confidence",
  "joint-threshold",
  "credit",
  "hierarchy",
] as const;

/** A decoding policy; see spec/model.md sections 5 to 7. */
export type Policy = typeof POLICY_NAMES[number];

/** The options, named as in JSON. */
export interface DecodeOptions {
  /** How tokens are accepted; selects the defaults of the others. */
  policy: Policy;
  /** Tokens of a block. */
  block_length: number;
  /** Most tokens to generate. */
  gen_length: number;
  /** Most denoising steps of a block (hf-2.0); steps that share out its masks (hf-2.2). */
  steps: number;
  /** Confidence above which a token is accepted; above 1, one token a step. */
  threshold: number;
  /** Caps steps at gen_length / minimal_topk (hf-2.0). */
  minimal_topk: number;
  /** Fewest tokens a step accepts (hf-2.1). */
  num_to_transfer: number;
  /** Confidence above which a settled token is edited. */
  edit_threshold: number | "off";
  /** Passes a block may go on editing after its last mask is filled. */
  max_post_steps: number;
  /** Taken from the logit of the id to the left (joint-threshold). */
  penalty_lambda: number;
  /** Confidence above which the best of each run of masks is accepted too (hierarchy). */
  low_threshold: number;
  /** Strength of the credit added to a logit (credit). */
  credit_alpha: number;
  /** Decay of credit from step to step (credit). */
  credit_beta: number;
  /** Exponent of the probability that earns credit (credit). */
  credit_gamma: number;
  /** 0 is greedy. */
  temperature: number;
  /** 0 is off. */
  top_k: number;
  /** 1 is off. */
  top_p: number;
  /** With the record's id, the source of every draw. */
  seed: number;
  /** Stop inside a block (hf-2.0) or after one (hf-2.1) that holds an end-of-sequence token. */
  eos_early_stop: boolean;
}

/** Ranges of the numeric options. */
export const RANGES: Readonly<
  Record<Exclude<keyof DecodeOptions, "policy" | "eos_early_stop">, Range>
> = {
  block_length: { min: 1, max: 256, whole: true },
  gen_length: { min: 1, max: 1e6, whole: true },
  steps: { min: 1, max: 1e6, whole: true },
  threshold: { min: 0, max: 1e6, above: true },
  minimal_topk: { min: 1, max: 256, whole: true },
  num_to_transfer: { min: 1, max: 256, whole: true },
  edit_threshold: { min: 0, max: 1e6 },
  max_post_steps: { min: 0, max: 1e6, whole: true },
  penalty_lambda: { min: 0, max: 1e6 },
  low_threshold: { min: 0, max: 1e6 },
  credit_alpha: { min: 0, max: 1e3 },
  credit_beta: { min: 0, max: 1 },
  credit_gamma: { min: 0, max: 1e3 },
  temperature: { min: 0, max: 100 },
  top_k: { min: 0, max: 1e6, whole: true },
  top_p: { min: 0, max: 1, above: true },
  seed: { min: 0, max: 2 ** 32 - 1, whole: true },
};

const COMMON: Omit<DecodeOptions, "policy"> = {
  block_length: 32,
  gen_length: 2048,
  steps: 32,
  threshold: 0.95,
  minimal_topk: 1,
  num_to_transfer: 1,
  edit_threshold: "off",
  max_post_steps: 16,
  penalty_lambda: 0,
  low_threshold: 0.4,
  credit_alpha: 0.7,
  credit_beta: 0.8,
  credit_gamma: 0.2,
  temperature: 0,
  top_k: 0,
  top_p: 1,
  seed: 0,
  eos_early_stop: false,
};

/** What each policy changes of the common defaults (spec/model.md sections 5 to 7). */
const POLICY_DEFAULTS: Readonly<Record<Policy, Partial<DecodeOptions>>> = {
  "hf-2.0": {},
  "hf-2.1": { edit_threshold: 0.9 },
  "hf-2.2": { threshold: 0.5, edit_threshold: 0 },
  "low-confidence": {},
  "joint-threshold": { threshold: 0.5, edit_threshold: 0 },
  "credit": { threshold: 0.9 },
  "hierarchy": { threshold: 0.9 },
};

const EDITING: readonly Policy[] = ["hf-2.1", "hf-2.2", "joint-threshold"];

/** Policies that an option means something to, where that is not so for all. */
const READERS: Readonly<Partial<Record<string, readonly Policy[]>>> = {
  steps: ["hf-2.0", "hf-2.2"],
  minimal_topk: ["hf-2.0"],
  num_to_transfer: ["hf-2.1"],
  edit_threshold: EDITING,
  max_post_steps: EDITING,
  penalty_lambda: ["joint-threshold"],
  low_threshold: ["hierarchy"],
  credit_alpha: ["credit"],
  credit_beta: ["credit"],
  credit_gamma: ["credit"],
  eos_early_stop: POLICY_NAMES.filter((name) => name !== "joint-threshold"),
};

/** An option that means nothing to the policy named beside it, and the policies that read it. */
export function idleOption(
  values: Readonly<Record<string, unknown>>,
): { name: string; readers: readonly Policy[] } | undefined {
  const policy = values.policy as Policy | undefined;
  if (policy === undefined) return undefined;
  for (const name of Object.keys(values)) {
    const readers = Object.hasOwn(READERS, name) ? READERS[name]! : POLICY_NAMES;
    if (!readers.includes(policy)) return { name, readers };
  }
}

/** A source of options and where it stands, for messages. */
export interface DecodeLayer {
  /** Options under their names in records. */
  readonly values: Readonly<Record<string, unknown>>;
  /** "flags", or what else to name in a refusal. */
  readonly where: string;
}

/** Resolves options: the first layer that names one wins; the policy sets the defaults. */
export function resolveDecode(layers: readonly DecodeLayer[]): DecodeOptions {
  const named: Record<string, unknown> = {};
  for (const { values, where } of layers.toReversed()) {
    for (const [name, value] of Object.entries(values)) {
      checkOption(name, value, where);
      // JSON has a -0 and the record that keeps the options does not.
      named[name] = typeof value === "number" ? value + 0 : value;
    }
  }
  const policy = (named.policy ?? "hf-2.0") as Policy;
  const options = { policy, ...COMMON, ...POLICY_DEFAULTS[policy], ...named } as DecodeOptions;
  if (policy === "credit" && options.temperature > 0) {
    throw new Refusal(
      `Cannot use ${
        layers[0].where
      }: policy "credit" with temperature ${options.temperature}, expected temperature 0`,
    );
  }
  return options;
}

/** Refuses a decode option that is unknown or out of range. */
export function checkOption(name: string, value: unknown, where: string): void {
  const fail = (expected: string) => {
    throw new Refusal(
      `Cannot use ${where}: decode option "${name}" is ${shown(value)}, expected ${expected}`,
    );
  };
  if (name === "policy") {
    if (!POLICY_NAMES.includes(value as Policy)) fail(POLICY_NAMES.join(", "));
  } else if (name === "eos_early_stop") {
    if (typeof value !== "boolean") fail("true or false");
  } else if (!Object.hasOwn(RANGES, name)) {
    throw new Refusal(
      `Cannot use ${where}: "${name}" is not a decode option, expected one of ${
        Object.keys(COMMON).join(", ")
      }`,
    );
  } else if (!(name === "edit_threshold" && value === "off")) {
    const range = RANGES[name as keyof typeof RANGES];
    if (!inRange(value, range)) fail(rangeText(range));
  }
}
