/** The settings of a recipe's stages: what each may be, its default, and which objectives it is for. */
import { type Fields, flag, type Kind, oneOf, pairOf, range, real, whole } from "./fields.ts";
import { type ScheduleOptions, SCHEDULES } from "./schedule.ts";

/** How a phase trains, beside its steps, blocks and data. */
export interface Settings {
  /** Rows (pairs) of a step. */
  readonly batch: number;
  /** Rows (pairs) of a pass; a step sums the gradients of as many passes as its batch takes. */
  readonly micro_batch: number;
  /** AdamW's decay of both moments. */
  readonly betas: readonly [number, number];
  /** Added to the root of the second moment. */
  readonly eps: number;
  /** Decoupled, on every parameter. */
  readonly weight_decay: number;
  /** Gradients are scaled down to this global norm. */
  readonly max_grad_norm: number;
  /** Step of the router's bias towards balance; 0 is off. */
  readonly expert_bias_rate: number;
  /** Prompts of conversations are learned too, as in continued pre-training. */
  readonly learn_prompts: boolean;
  /** Documents of a row do not see each other. */
  readonly document_mask: boolean;
  /** Logits of a masked token predict it, not the next one (spec 8.3). */
  readonly same_token_labels: boolean;
  /** Mean over the targets, or weighted by 1/t as a mean over the maskable tokens. */
  readonly weighting: "mean" | "1/t";
  /** t is uniform in [low, high). */
  readonly bandwidth: readonly [number, number];
  /** What shares a t. */
  readonly ratio_per: "row" | "block";
  /** Also the inverse noise, in the same pass. */
  readonly complementary: boolean;
  /** Share of the noisy tokens that are wrong instead of masked. */
  readonly t2t: number;
  /** Weight of CAP's confidence loss; 0 is off. */
  readonly cap: number;
  /** DPO's beta. */
  readonly beta: number;
  /** Standard deviation of the noise on masked embeddings; 0 is off. */
  readonly embedding_noise: number;
  /** First steps of the phase that have it. */
  readonly embedding_noise_steps: number;
}

/** Settings of the learning rate. */
export type Rate = Omit<ScheduleOptions, "steps">;

/** Names of what a phase can optimize: plain AR, block diffusion on texts or answers, preferences. */
export const OBJECTIVES = ["ar", "bdlm", "sft", "dpo"] as const;

/** What a phase optimizes. */
export type ObjectiveName = typeof OBJECTIVES[number];

/** One setting. */
interface Setting<V> {
  readonly kind: Kind<V>;
  /** Without a default a stage or `defaults` must name it. */
  readonly or?: V | ((objective: ObjectiveName) => V);
  /** All objectives unless named. */
  readonly of?: readonly ObjectiveName[];
}

type Table<T> = { readonly [K in keyof T]-?: Setting<T[K]> };

const NOISY: readonly ObjectiveName[] = ["bdlm", "sft", "dpo"];
const ratio = real(0, 1);

// Defaults are dFactory's (spec 8.7 and 8.10) where it has the setting.
const RATE: Table<Rate> = {
  schedule: { kind: oneOf(...SCHEDULES), or: "cosine" },
  lr: { kind: real(0, 10, { above: true }) },
  lr_start: { kind: real(0, 10), or: 0 },
  lr_min: { kind: real(0, 10), or: 1e-7 },
  lr_warmup_ratio: { kind: ratio, or: 0.03 },
  lr_stable_ratio: { kind: ratio, or: 0.8 },
  lr_decay_ratio: { kind: ratio, or: 1 },
};

const SETTINGS: Table<Settings> = {
  batch: { kind: whole(1, 1 << 20), or: 8 },
  micro_batch: { kind: whole(1, 1 << 20), or: 1 << 20 },
  betas: { kind: pairOf(real(0, 1, { below: true })), or: [0.9, 0.999] },
  eps: { kind: real(1e-30, 1), or: 1e-8 }, // less may be 0 on a device
  weight_decay: { kind: ratio, or: 0.1 },
  max_grad_norm: { kind: real(0, 1e9, { above: true }), or: 1 },
  expert_bias_rate: { kind: ratio, or: 0 },
  learn_prompts: { kind: flag, or: true, of: ["ar", "bdlm"] },
  document_mask: { kind: flag, or: true },
  same_token_labels: { kind: flag, or: true, of: NOISY },
  weighting: { kind: oneOf("mean", "1/t"), or: "mean", of: ["bdlm", "sft"] },
  bandwidth: {
    kind: range(ratio),
    or: (objective) => objective === "sft" ? [0.3, 0.8] : [0, 1],
    of: NOISY,
  },
  ratio_per: { kind: oneOf("row", "block"), or: "row", of: NOISY },
  complementary: { kind: flag, or: false, of: NOISY },
  t2t: { kind: ratio, or: 0, of: ["bdlm", "sft"] },
  cap: { kind: real(0, 1e3), or: 0, of: ["bdlm", "sft"] },
  beta: { kind: real(0, 1e3, { above: true }), or: 0.1, of: ["dpo"] },
  embedding_noise: { kind: real(0, 1e3), or: 0, of: ["bdlm", "sft"] },
  embedding_noise_steps: { kind: whole(0), or: 100, of: ["bdlm", "sft"] },
};

/** All settings of a stage: its own, else those of `defaults`, else ours. */
export function readSettings(
  stage: Fields,
  options: { readonly defaults: Fields; readonly objective: ObjectiveName },
): Settings & { readonly rate: Rate } {
  const settings = readTable(stage, { ...options, table: SETTINGS });
  const rate = readTable(stage, { ...options, table: RATE });
  const { batch, micro_batch } = settings;
  const { lr, lr_min, lr_warmup_ratio, lr_stable_ratio, lr_decay_ratio, schedule } = rate;
  if (micro_batch > batch && stage.has("micro_batch")) {
    throw stage.wrong("micro_batch", `at most batch = ${batch}`);
  }
  const wrong = (name: string, expected: string) => {
    const shared = options.defaults.has(name) && !stage.has(name);
    return (shared ? options.defaults : stage).wrong(name, expected);
  };
  if (lr_min > lr) throw wrong("lr_min", `at most lr = ${lr}`);
  if (lr_stable_ratio > lr_decay_ratio && schedule === "wsd") {
    throw wrong("lr_decay_ratio", `at least lr_stable_ratio = ${lr_stable_ratio}`);
  }
  if (lr_warmup_ratio > lr_decay_ratio && schedule !== "constant") {
    throw wrong("lr_decay_ratio", `at least lr_warmup_ratio = ${lr_warmup_ratio}`);
  }
  if (settings.bandwidth[1] === 0) {
    throw wrong("bandwidth", "a high end above 0, else nothing is noisy");
  }
  return { ...settings, micro_batch: Math.min(micro_batch, batch), rate };
}

function readTable<T extends object>(
  stage: Fields,
  { table, defaults, objective }: {
    readonly table: Table<T>;
    readonly defaults: Fields;
    readonly objective: ObjectiveName;
  },
): T {
  const read = <V>(name: string, { kind, or, of }: Setting<V>): V => {
    const shared = defaults.optional(name, kind);
    if (of && !of.includes(objective)) {
      if (stage.has(name)) {
        throw stage.wrong(name, `none, for objective "${objective}" has no use for it`);
      }
    } else {
      const own = stage.optional(name, kind) ?? shared;
      if (own !== undefined) return own;
    }
    if (or === undefined) return stage.required(name, kind);
    return typeof or === "function" ? (or as (objective: ObjectiveName) => V)(objective) : or;
  };
  const names = Object.keys(table) as (keyof T & string)[];
  return Object.fromEntries(names.map((name) => [name, read(name, table[name])])) as T;
}
