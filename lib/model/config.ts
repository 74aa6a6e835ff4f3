/** config.json of a LLaDA2-MoE model: required fields, their rules, limits before memory is sized. */
import { MAX_BLOCK } from "../../kernels/decode/decode.ts";
import { parseObject, shown } from "../records/record.ts";
import { Refusal } from "../refusal.ts";
import { Fields } from "./config_fields.ts";

/** YaRN scaling of the rotary frequencies (spec/model.md section 3.4). */
export interface RopeScaling {
  /** How many times longer than the original the context is. */
  readonly factor: number;
  /** Positions before scaling. */
  readonly originalMaxPositionEmbeddings: number | undefined;
  /** Turns over the original context from which on a frequency stays. */
  readonly betaFast: number;
  /** Turns below which a frequency is scaled whole. */
  readonly betaSlow: number;
  /** Factor of the rotary tables; from `factor` where absent. */
  readonly attentionFactor: number | undefined;
}

/** The fields of config.json that a forward pass needs (spec/model.md section 1). */
export interface ModelConfig {
  /** Rows of embedding and head. */
  readonly vocabSize: number;
  /** Channels of the residual stream. */
  readonly hiddenSize: number;
  /** Decoder layers. */
  readonly numHiddenLayers: number;
  /** The first so many layers are dense. */
  readonly firstKDenseReplace: number;
  /** Channels of a dense layer's MLP. */
  readonly intermediateSize: number;
  /** Query heads. */
  readonly numAttentionHeads: number;
  /** Heads of K and V, a divisor of the query heads. */
  readonly numKeyValueHeads: number;
  /** Channels of a head. */
  readonly headDim: number;
  /** Rotary channels of a head, the first ones. */
  readonly rotaryDim: number;
  /** Base of the rotary frequencies. */
  readonly ropeTheta: number;
  /** Scaling of the rotary frequencies; undefined without. */
  readonly ropeScaling: RopeScaling | undefined;
  /** Routed experts of a layer. */
  readonly numExperts: number;
  /** Routed experts of a token. */
  readonly numExpertsPerTok: number;
  /** Groups of experts. */
  readonly nGroup: number;
  /** Groups that a token may choose from. */
  readonly topkGroup: number;
  /** How few experts the tokens of a block share (LLaDA2.2); groups are not looked at then. */
  readonly blockRouting: { readonly rows: number; readonly capacity: number } | undefined;
  /** Experts of every token. */
  readonly numSharedExperts: number;
  /** Channels of an expert. */
  readonly moeIntermediateSize: number;
  /** Factor of the routing weights. */
  readonly routedScalingFactor: number;
  /** Whether a token's routing weights add up to one before that factor. */
  readonly normTopkProb: boolean;
  /** Whether a bias joins the scores that experts are chosen by. */
  readonly moeRouterEnableExpertBias: boolean;
  /** Whether queries and keys are normed head by head. */
  readonly useQkNorm: boolean;
  /** Added to the mean square of every norm. */
  readonly rmsNormEps: number;
  /** Most positions of a sequence. */
  readonly maxPositionEmbeddings: number;
  /** Id that fills rows; its embedding is not trained. */
  readonly padTokenId: number;
  /** Ids that end an answer; empty when the field is absent. */
  readonly eosTokenIds: readonly number[];
  /** Id of the mask, where config.json names it. */
  readonly maskTokenId: number | undefined;
  /** Ids that edit the block they are drawn in (LLaDA2.2), where config.json names them. */
  readonly editIds: { readonly remove: number; readonly split: number } | undefined;
}

const MODEL_TYPES = ["llada2_moe", "llada2_moe_veomni"];

/** Switches whose other value this implementation does not have. */
const FIXED: Readonly<Record<string, readonly unknown[]>> = {
  score_function: ["sigmoid", undefined],
  hidden_act: ["silu"],
  use_bias: [false, undefined],
  use_qkv_bias: [false, undefined],
  tie_word_embeddings: [false, undefined],
  norm_head: [false, undefined],
  norm_softmax: [false, undefined],
  use_sliding_window: [false, undefined],
};

/** Fields of `rope_scaling` that are understood: another one would change the frequencies unnoticed. */
const SCALING_FIELDS = [
  "rope_type",
  "type",
  "factor",
  "original_max_position_embeddings",
  "beta_fast",
  "beta_slow",
  "attention_factor",
];

/** Reads config.json; refuses with the field's name, what was found and the rule. */
export function parseConfig(text: string, file: string): ModelConfig {
  return new ConfigReader(parseObject(text, `"${file}"`), file).config();
}

class ConfigReader extends Fields {
  constructor(json: Record<string, unknown>, file: string) {
    super({ ...json }, file);
    if (json.rope_parameters != null) this.#spreadRope();
  }

  config(): ModelConfig {
    const type = this.json.model_type;
    if (!MODEL_TYPES.includes(type as string)) {
      this.fail("model_type", `one of ${MODEL_TYPES.join(", ")}`);
    }
    for (const [name, allowed] of Object.entries(FIXED)) {
      if (!allowed.includes(this.json[name] ?? undefined)) this.fail(name, String(allowed[0]));
    }
    const vocabSize = this.whole("vocab_size", 2, 2 ** 24);
    const hiddenSize = this.multipleOf4("hidden_size");
    const heads = this.whole("num_attention_heads", 1, 1024);
    const kvHeads = this.whole("num_key_value_heads", 1, heads);
    if (heads % kvHeads !== 0) {
      this.fail("num_key_value_heads", `a divisor of num_attention_heads = ${heads}`);
    }
    const headDim = this.headDim(hiddenSize / heads);
    const layers = this.whole("num_hidden_layers", 1, 1000);
    const maxPositionEmbeddings = this.whole("max_position_embeddings", 1, 2 ** 24);
    return {
      vocabSize,
      hiddenSize,
      numHiddenLayers: layers,
      firstKDenseReplace: this.whole("first_k_dense_replace", 0, layers),
      intermediateSize: this.multipleOf4("intermediate_size"),
      numAttentionHeads: heads,
      numKeyValueHeads: kvHeads,
      headDim,
      rotaryDim: this.rotaryDim(headDim),
      ropeTheta: this.number("rope_theta", 1, 1e12),
      ropeScaling: this.ropeScaling(maxPositionEmbeddings),
      ...this.gate(),
      rmsNormEps: this.number("rms_norm_eps", 1e-12, 1),
      maxPositionEmbeddings,
      useQkNorm: this.flag("use_qk_norm", true),
      padTokenId: this.whole("pad_token_id", 0, vocabSize - 1),
      eosTokenIds: eosTokenIds(this.json, { file: this.file, vocabSize }),
      maskTokenId: this.optionalId("mask_token_id", vocabSize),
      editIds: this.editIds(vocabSize),
    };
  }

  gate() {
    const numExperts = this.whole("num_experts", 1, 4096);
    const nGroup = this.whole("n_group", 1, 64);
    if (numExperts % nGroup !== 0) this.fail("n_group", `a divisor of num_experts = ${numExperts}`);
    const topkGroup = this.whole("topk_group", 1, nGroup);
    const blockRouting = this.blockRouting(numExperts);
    const most = blockRouting?.capacity ?? numExperts / nGroup * topkGroup;
    const numExpertsPerTok = this.json.num_experts_per_tok;
    if (!Number.isInteger(numExpertsPerTok) || (numExpertsPerTok as number) > most) {
      const of = blockRouting ? "expert_capacity" : "the kept groups";
      this.fail("num_experts_per_tok", `at most the ${most} experts of ${of}`);
    }
    return {
      numExperts,
      nGroup,
      topkGroup,
      blockRouting,
      numExpertsPerTok: this.whole("num_experts_per_tok", 1, most),
      numSharedExperts: this.json.num_shared_experts === null
        ? 0
        : this.whole("num_shared_experts", 0, 64),
      moeIntermediateSize: this.multipleOf4("moe_intermediate_size"),
      routedScalingFactor: this.number("routed_scaling_factor", 1e-6, 1e6),
      normTopkProb: this.flag("norm_topk_prob", true),
      moeRouterEnableExpertBias: this.flag("moe_router_enable_expert_bias", true),
    };
  }

  blockRouting(numExperts: number): ModelConfig["blockRouting"] {
    if (!this.json.expert_capacity) return undefined;
    return {
      rows: this.whole("block_size", 1, MAX_BLOCK),
      capacity: this.whole("expert_capacity", 1, numExperts),
    };
  }

  editIds(vocabSize: number): ModelConfig["editIds"] {
    const [remove, split] = ["delete_token_id", "split_token_id"].map((name) =>
      this.optionalId(name, vocabSize)
    );
    if (remove === undefined && split === undefined) return undefined;
    if (remove === undefined) this.fail("delete_token_id", "an id, as split_token_id is one");
    if (split === undefined) this.fail("split_token_id", "an id, as delete_token_id is one");
    return { remove, split };
  }

  headDim(share: number): number {
    if (this.json.head_dim != null) return this.multipleOf4("head_dim", 512);
    if (share % 4 !== 0 || share > 512) {
      const expected =
        `hidden_size / num_attention_heads (${share}) to be a multiple of 4 up to 512`;
      this.fail("head_dim", expected);
    }
    return share;
  }

  rotaryDim(headDim: number): number {
    const factor = this.number("partial_rotary_factor", 0.001, 1);
    const rotary = Math.floor(headDim * factor);
    if (rotary % 8 !== 0 || rotary === 0) {
      this.fail("partial_rotary_factor", `head_dim * factor (${rotary}) to be a multiple of 8`);
    }
    return rotary;
  }

  /**
   * Puts what `rope_parameters` holds, where newer transformers write all rotary fields, to where published
   * configurations have it.
   */
  #spreadRope(): void {
    const name = "rope_parameters";
    const { rope_theta, partial_rotary_factor, ...rope_scaling } = this.object(name);
    const fields = { rope_theta, partial_rotary_factor, rope_scaling };
    for (const [field, value] of Object.entries(fields)) {
      const beside = this.json[field] ?? value;
      if (value !== undefined && JSON.stringify(value) !== JSON.stringify(beside)) {
        this.fail(name, `the same ${field} as beside it, ${shown(beside)}`);
      }
      this.json[field] = beside;
    }
  }

  ropeScaling(length: number): RopeScaling | undefined {
    if (this.json.rope_scaling == null) return undefined;
    const scaling = this.object("rope_scaling");
    const unknown = Object.keys(scaling).find((name) => !SCALING_FIELDS.includes(name));
    if (unknown !== undefined) {
      this.fail("rope_scaling", `no "${unknown}" in it, but ${SCALING_FIELDS.join(", ")}`);
    }
    const type = scaling.rope_type ?? scaling.type;
    if (type === "default") return undefined;
    if (type !== "yarn") this.fail("rope_scaling", 'null or {"rope_type": "yarn", ...}');
    const optional = (name: string) => {
      const value = scaling[name];
      if (value == null) return undefined;
      if (typeof value !== "number" || !(value > 0)) {
        this.fail("rope_scaling", `"${name}" to be a positive number`);
      }
      return value as number;
    };
    const factor = optional("factor");
    if (factor === undefined) this.fail("rope_scaling", '"factor" to be a positive number');
    const original = optional("original_max_position_embeddings");
    // Published code takes one or the other by its version.
    const ratio = original === undefined ? factor : length / original;
    if (Math.abs(factor - ratio) > 0.01 * ratio) {
      this.fail(
        "rope_scaling",
        `"factor" to be max_position_embeddings / "original_max_position_embeddings" = ${ratio}`,
      );
    }
    return {
      factor,
      originalMaxPositionEmbeddings: original,
      betaFast: optional("beta_fast") ?? 32,
      betaSlow: optional("beta_slow") ?? 1,
      attentionFactor: optional("attention_factor"),
    };
  }
}

/** Most ids that may end an answer: kernels hold them in one vector. */
const MAX_EOS = 4;

/** `eos_token_id` of config.json or generation_config.json: an id, a list of ids, or nothing. */
export function eosTokenIds(
  { eos_token_id }: Readonly<Record<string, unknown>>,
  { file, vocabSize }: { file: string; vocabSize: number },
): number[] {
  const ids = [eos_token_id ?? []].flat();
  const isId = (id: unknown) => Number.isInteger(id) && Number(id) >= 0 && Number(id) < vocabSize;
  if (ids.length <= MAX_EOS && ids.every(isId)) return ids as number[];
  throw new Refusal(
    `Cannot use "${file}": field "eos_token_id" is ${
      shown(eos_token_id)
    }, expected at most ${MAX_EOS} ids below ${vocabSize}`,
  );
}

/** Number of parameters, from the shapes (spec/model.md section 2.3). */
export function parameterCount(c: ModelConfig): number {
  const attention = (c.numAttentionHeads + 2 * c.numKeyValueHeads) * c.headDim * c.hiddenSize +
    c.numAttentionHeads * c.headDim * c.hiddenSize + (c.useQkNorm ? 2 * c.headDim : 0);
  const expert = 3 * c.hiddenSize * c.moeIntermediateSize;
  const moe = (c.numExperts + c.numSharedExperts) * expert + c.numExperts * c.hiddenSize +
    (c.moeRouterEnableExpertBias ? c.numExperts : 0);
  const dense = 3 * c.hiddenSize * c.intermediateSize;
  const moeLayers = c.numHiddenLayers - c.firstKDenseReplace;
  return 2 * c.vocabSize * c.hiddenSize + c.hiddenSize +
    c.numHiddenLayers * (attention + 2 * c.hiddenSize) +
    c.firstKDenseReplace * dense + moeLayers * moe;
}
