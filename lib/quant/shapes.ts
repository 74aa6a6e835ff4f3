/** Edge: configurations of published models (model cards, dFactory's configs), and of the embedded one. */
import { NANO } from "../hub/resolve.ts";
import { type ModelConfig, parseConfig } from "../model/config.ts";

/** What LLaDA2.0-mini and -flash share. */
const LLADA2 = {
  architectures: ["LLaDA2MoeModelLM"],
  model_type: "llada2_moe",
  vocab_size: 157184,
  num_key_value_heads: 4,
  head_dim: 128,
  first_k_dense_replace: 1,
  num_experts: 256,
  num_experts_per_tok: 8,
  n_group: 8,
  topk_group: 4,
  num_shared_experts: 1,
  routed_scaling_factor: 2.5,
  score_function: "sigmoid",
  norm_topk_prob: true,
  moe_router_enable_expert_bias: true,
  router_dtype: "fp32",
  rms_norm_eps: 1e-6,
  rope_theta: 600000,
  rope_scaling: null,
  partial_rotary_factor: 0.5,
  rotary_dim: 64,
  max_position_embeddings: 32768,
  tie_word_embeddings: false,
  use_qkv_bias: false,
  use_bias: false,
  use_qk_norm: true,
  hidden_act: "silu",
  torch_dtype: "bfloat16",
  pad_token_id: 156892,
  eos_token_id: 156892,
  mask_token_id: 156895,
};

const MINI = {
  ...LLADA2,
  hidden_size: 2048,
  num_hidden_layers: 20,
  intermediate_size: 5120,
  num_attention_heads: 16,
  moe_intermediate_size: 512,
};

const FLASH = {
  ...LLADA2,
  hidden_size: 4096,
  num_hidden_layers: 32,
  intermediate_size: 9216,
  num_attention_heads: 32,
  moe_intermediate_size: 1024,
};

/** Names that `shapeConfig` knows. */
export const SHAPE_NAMES = ["nano", "mini", "flash"];

/** config.json of a shape, with another number of layers if given. */
export function shapeConfig(
  name: string,
  layers?: number,
): { readonly json: Record<string, unknown>; readonly config: ModelConfig } {
  const base = name === "mini"
    ? MINI
    : name === "flash"
    ? FLASH
    : JSON.parse(Deno.readTextFileSync(`${NANO}/config.json`));
  const json = layers === undefined ? base : { ...base, num_hidden_layers: layers };
  return { json, config: parseConfig(JSON.stringify(json), `${name}/config.json`) };
}
