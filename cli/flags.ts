/** Flags that several commands share: the same name means the same thing everywhere. */
import { ACTIVATION_FORMATS, WEIGHT_FORMATS } from "../kernels/weights/weight.ts";
import type { OpenOptions } from "../lib/data/source.ts";
import { idleOption, POLICY_NAMES, RANGES, resolveDecode } from "../lib/diffusion/options.ts";
import { Refusal } from "../lib/refusal.ts";
import { DEFAULT_BATCH, type SessionOptions } from "../lib/session.ts";
import type { Context, Flag, FlagValues } from "./command.ts";
import { usage } from "./parse.ts";

type Flags = Readonly<Record<string, Flag>>;

/** How records are read and what happens to bad ones. */
export const INPUT_FLAGS: Flags = {
  "on-error": {
    type: "string",
    choices: ["stop", "record", "skip"],
    default: "stop",
    help: "bad records: stop, write them with `error`, or skip them",
  },
  shard: { type: "shard", value: "I/N", help: "take every N-th record, starting with the I-th" },
  limit: {
    type: "integer",
    range: { min: 1, max: 1e12, whole: true },
    help: "take no more than the first N records, before --shard",
  },
  "max-line": {
    type: "integer",
    range: { min: 1, max: 2 ** 29, whole: true },
    default: 67108864,
    help: "longest input line, in bytes",
  },
};

/** Which model runs, where and how. */
export const MODEL_FLAGS: Flags = {
  model: { type: "string", value: "DIR|NAME", default: "nano", help: "model folder or name" },
  dtype: {
    type: "string",
    choices: WEIGHT_FORMATS,
    help:
      "weights on the device (default: a quantized folder's own, f32 up to 1B parameters, else f16)",
  },
  activations: {
    type: "string",
    choices: ACTIVATION_FORMATS,
    default: "f32",
    help: "round the inputs of q8 and q4 weights to int8 blocks: less exact, less work for a GPU",
  },
  batch: {
    type: "integer",
    range: { min: 1, max: 64, whole: true },
    default: DEFAULT_BATCH,
    help: "records decoded together",
  },
  adapter: { type: "string", value: "NAME", help: "refuse any GPU whose name lacks this" },
  engine: {
    type: "string",
    choices: ["deno", "dawn"],
    default: "deno",
    help: "WebGPU of Deno, or Dawn's where npm's webgpu is installed",
  },
  "no-cache": { type: "boolean", help: "neither read nor keep KV of shared prompts on disk" },
};

/** Where benchmark data is. */
export const DATA_FLAGS: Flags = {
  data: {
    type: "string",
    value: "DIR",
    help: "local data: DIR/<task>/<original file> (default $UNMASK_DATA)",
  },
};

/** How benchmark data is found and fetched. */
export function openOptions(context: Context): OpenOptions {
  return {
    data: context.flags.data as string | undefined,
    env: Deno.env,
    notice: (line) => context.notice(line),
    progress: (file, done, total) => {
      const share = total === undefined ? `${done} bytes` : `${Math.round(100 * done / total)}%`;
      context.progress(done === total ? "" : `fetching ${file} ${share}`);
    },
  };
}

/** Which tokenizer runs. */
export const TOKENIZER_FLAGS: Flags = { model: MODEL_FLAGS.model };

const numeric = (name: keyof typeof RANGES, help: string, fallback: string | number): Flag => ({
  type: RANGES[name].whole ? "integer" : "number",
  range: RANGES[name],
  default: fallback,
  help,
});

/** Decode options; their names in records have underscores. */
export const DECODE_FLAGS: Flags = {
  policy: {
    type: "string",
    value: "NAME",
    choices: POLICY_NAMES,
    default: "hf-2.0; hf-2.2 for models with edits",
    help: "decoding policy",
  },
  "block-length": numeric("block_length", "tokens of a block", 32),
  "gen-length": numeric("gen_length", "most tokens to generate", "the model's"),
  steps: numeric("steps", "most denoising steps of a block (hf-2.0, hf-2.2)", 32),
  threshold: numeric(
    "threshold",
    "confidence to accept a token; above 1, one token a step",
    "the policy's",
  ),
  "edit-threshold": {
    type: "threshold",
    range: RANGES.edit_threshold,
    default: "the policy's",
    help: 'confidence to edit a settled token, or "off"',
  },
  "max-post-steps": numeric("max_post_steps", "editing passes after the last mask", 16),
  "minimal-topk": numeric("minimal_topk", "caps steps at gen-length / this (hf-2.0)", 1),
  "num-to-transfer": numeric("num_to_transfer", "fewest tokens a step accepts (hf-2.1)", 1),
  "penalty-lambda": numeric("penalty_lambda", "repetition penalty (joint-threshold)", 0),
  "low-threshold": numeric(
    "low_threshold",
    "confidence to accept the best token of a run of masks (hierarchy)",
    0.4,
  ),
  "credit-alpha": numeric("credit_alpha", "strength of credit (credit)", 0.7),
  "credit-beta": numeric("credit_beta", "decay of credit (credit)", 0.8),
  "credit-gamma": numeric("credit_gamma", "exponent of credit (credit)", 0.2),
  temperature: numeric("temperature", "0 is greedy", 0),
  "top-k": numeric("top_k", "draw among the k likeliest; 0 is off", 0),
  "top-p": numeric("top_p", "draw among the likeliest that hold this mass; 1 is off", 1),
  seed: numeric("seed", "seed of the run", 0),
  "eos-early-stop": { type: "boolean", help: "stop inside a block once its answer has ended" },
  truncate: { type: "string", choices: ["left"], help: "cut prompts that do not fit" },
};

/** The decode options among the flags, under their names in records. */
export function decodeFlags(flags: FlagValues): Record<string, unknown> {
  const values = Object.fromEntries(
    Object.keys(DECODE_FLAGS).filter((name) => name !== "truncate" && flags[name] !== undefined)
      .map((name) => [name.replaceAll("-", "_"), flags[name]]),
  );
  checkTogether(values, "the flags");
  checkReaders(values);
  return values;
}

/** Refuses decode options that do not go together, which no record can mend. */
export function checkTogether(values: Readonly<Record<string, unknown>>, where: string): void {
  try {
    resolveDecode([{ values, where }]);
  } catch (cause) {
    throw cause instanceof Refusal ? usage(cause.message) : cause;
  }
}

/** Refuses decode options that the policy named beside them does not read. */
export function checkReaders(values: Readonly<Record<string, unknown>>): void {
  const idle = idleOption(values);
  if (idle === undefined) return;
  const flag = idle.name.replaceAll("_", "-");
  throw usage(
    `Cannot use --${flag} with policy ${values.policy}: expected ${idle.readers.join(" or ")}`,
  );
}

/** Session options of the model flags. */
export function sessionOptions(context: Context): SessionOptions {
  const { flags } = context;
  return {
    model: flags.model as string | undefined,
    dtype: flags.dtype as SessionOptions["dtype"],
    activations: flags.activations as SessionOptions["activations"],
    batch: flags.batch as number | undefined,
    adapter: flags.adapter as string | undefined,
    engine: flags.engine as SessionOptions["engine"],
    cacheDir: context.cacheDir,
    onNotice: (line) => context.notice(line),
    onDetail: (line) => context.detail(line),
    onProgress: (done, total) => {
      const share = Math.min(100, Math.round(100 * done / total));
      context.progress(done < total ? `loading weights ${share}%` : "");
    },
  };
}
