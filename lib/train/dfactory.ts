/**
 * Edge: a fine-tuning stage for dFactory, the authors' distributed trainer: its YAML (spec/model.md section
 * 8.10), weights in the merged layout (section 2.2), conversations as JSON Lines, and the line that starts it.
 */
import { parse } from "yaml";
import { writeAll, writeWhole } from "../folder.ts";
import type { Message } from "../records/record.ts";
import type { ModelConfig } from "../model/config.ts";
import { expectedTensors } from "../model/tensors.ts";
import { type NamedTensor, writeTensorFile } from "../model/tensor_file.ts";
import { reason, Refusal } from "../refusal.ts";
import { configText, copyTokenizer } from "./checkpoints.ts";
import type { ExampleSource, Input } from "./examples.ts";
import type { TensorSource } from "./init.ts";

/** What dFactory can be told of a stage; the rest of its settings are those of its own files. */
export interface DfactoryStage {
  readonly name: string;
  readonly steps: number;
  /** Sequences of a step. */
  readonly batch: number;
  /** Tokens of a sequence, and of a block of it. */
  readonly length: number;
  readonly block: number;
  readonly bandwidth: readonly [low: number, high: number];
  /** Weight of the confidence loss; 0 without. */
  readonly cap: number;
  /** Logits of a row predict the next position's label, not its own. */
  readonly shifted: boolean;
  readonly seed: number;
  readonly betas: readonly [number, number];
  readonly weight_decay: number;
  readonly max_grad_norm: number;
  readonly schedule: "constant" | "cosine" | "linear";
  readonly lr: number;
  readonly lr_start: number;
  readonly lr_min: number;
  readonly lr_warmup_ratio: number;
  readonly lr_decay_ratio: number;
}

/** What is exported beside the stage. */
export interface DfactoryModel {
  /** config.json, all of its fields. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly config: ModelConfig;
  readonly tensors: TensorSource;
  /** Folder with the tokenizer. */
  readonly tokenizer: string;
  /** Id of the mask token. */
  readonly mask: number;
}

/** A file of sections of fields. */
export type Sections = Readonly<
  Record<string, Readonly<Record<string, string | number | boolean>>>
>;

/** What is exported. */
interface Export {
  readonly model: DfactoryModel;
  readonly stage: DfactoryStage;
  readonly examples: ExampleSource;
  /** Stops it: nothing is written. */
  readonly signal?: AbortSignal;
}

/** Writes `dir`: model, data, YAML, and `train.sh`; all of it or nothing. Undefined when stopped. */
export async function exportDfactory(
  dir: string,
  parts: Export,
): Promise<{ records: number } | undefined> {
  const partial = `${dir}/${PARTIAL}`;
  try {
    await Deno.mkdir(dir, { recursive: true });
    await checkFolder(dir);
    await remove(partial); // of one that was killed
    const records = await writeExport(partial, parts).catch(async (error) => {
      await remove(partial);
      throw error;
    });
    await moveInto(dir);
    return { records };
  } catch (cause) {
    if (parts.signal?.aborted) return undefined;
    if (cause instanceof Refusal || cause instanceof TypeError) throw cause;
    throw new Refusal(`Cannot write "${dir}": ${reason(cause)}`, { cause });
  }
}

async function writeExport(
  dir: string,
  { model, stage, examples, signal }: Export,
): Promise<number> {
  await Deno.mkdir(`${dir}/model`, { recursive: true });
  const count = stage.steps * stage.batch;
  const records = await writeData(`${dir}/train.jsonl`, examples, { count, signal });
  await writeMerged(`${dir}/model`, model, signal);
  await writeWhole(`${dir}/train.sh`, launch(stage, model.mask));
  await Deno.chmod(`${dir}/train.sh`, 0o755).catch(() => {}); // not on Windows
  await writeWhole(`${dir}/train.yaml`, toYaml(dfactorySections(stage)));
  return records;
}

/** What an export consists of. */
const OURS = ["model", "train.jsonl", "train.sh", "train.yaml"];

/** Folder in which an export is made: it takes its place when it is whole. */
const PARTIAL = "export.partial";

/** Only an export is written over: a folder "model" alone may be anyone's. */
async function checkFolder(dir: string): Promise<void> {
  const names = await Array.fromAsync(Deno.readDir(dir), ({ name }) => name);
  const own = names.includes("train.yaml") || names.includes(PARTIAL) ? [...OURS, PARTIAL] : [];
  const foreign = names.find((name) => !own.includes(name));
  if (foreign === undefined) return;
  throw new Refusal(`Cannot export to "${dir}": it holds "${foreign}", expected a new folder`);
}

/** Puts a whole export in the place of the one before. */
async function moveInto(dir: string): Promise<void> {
  for (const name of OURS) await remove(`${dir}/${name}`);
  for (const name of OURS) await Deno.rename(`${dir}/${PARTIAL}/${name}`, `${dir}/${name}`);
  await Deno.remove(`${dir}/${PARTIAL}`);
}

async function remove(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}

/** All fields of dFactory's files for block-diffusion fine-tuning. */
export function dfactorySections(stage: DfactoryStage): Sections {
  const [low, high] = stage.bandwidth;
  const [beta1, beta2] = stage.betas;
  return {
    model: {
      config_path: "./model",
      model_path: "./model",
      tokenizer_path: "./model",
      attn_implementation: "sdpa",
      moe_implementation: "fused",
    },
    data: {
      train_path: "./train.jsonl",
      data_type: "conversation",
      datasets_type: "mapping",
      dataloader_type: "native",
      max_seq_len: stage.length,
      text_keys: "messages",
      noise_range_low: low,
      noise_range_high: high,
      num_workers: 16,
      train_size: stage.steps * stage.batch * stage.length,
      drop_last: true,
      pin_memory: true,
      prefetch_factor: 2,
    },
    train: {
      output_dir: "./output",
      data_parallel_mode: "fsdp2",
      tensor_parallel_size: 1,
      ulysses_parallel_size: 1,
      expert_parallel_size: 1,
      global_batch_size: stage.batch,
      micro_batch_size: 1,
      num_train_epochs: 1,
      max_steps: stage.steps,
      rmpad: false,
      rmpad_with_pos_ids: false,
      bsz_warmup_ratio: 0.007,
      dyn_bsz_margin: 0,
      dyn_bsz_buffer_size: 200,
      optimizer: "adamw",
      beta1,
      beta2,
      lr: stage.lr,
      lr_start: stage.lr_start,
      lr_min: stage.lr_min,
      lr_warmup_ratio: stage.lr_warmup_ratio,
      lr_decay_style: stage.schedule,
      lr_decay_ratio: stage.lr_decay_ratio,
      weight_decay: stage.weight_decay,
      max_grad_norm: stage.max_grad_norm,
      enable_mixed_precision: true,
      enable_gradient_checkpointing: true,
      enable_full_shard: true,
      enable_fsdp_offload: true,
      enable_activation_offload: false,
      init_device: "meta",
      broadcast_model_weights_from_rank0: true,
      enable_full_determinism: false,
      empty_cache_steps: 500,
      ckpt_manager: "dcp",
      load_checkpoint_path: "",
      save_steps: 0,
      save_epochs: 1,
      save_hf_weights: true,
      seed: stage.seed,
      block_diffusion_mode: true,
      block_size: stage.block,
      same_token_labels: !stage.shifted,
      // Only the script with the confidence loss knows this field.
      ...(stage.cap > 0 ? { confidence_beta: stage.cap } : {}),
      use_wandb: false,
      log_steps: 1,
    },
  };
}

/**
 * The sections as YAML that its 1.1 readers (PyYAML) take for what it is: they read 1e-5 as text unless its
 * mantissa has a point.
 */
export function toYaml(sections: Sections): string {
  const scalar = (value: string | number | boolean) =>
    typeof value === "number" && Math.abs(value) < 1e-4 && value !== 0
      ? value.toExponential().replace(/^(-?\d)e/, "$1.0e")
      : JSON.stringify(value);
  const text = Object.entries(sections).map(([name, fields]) =>
    `${name}:\n${
      Object.entries(fields).map(([field, value]) => `  ${field}: ${scalar(value)}\n`).join("")
    }`
  ).join("\n");
  const found = JSON.stringify(parse(text, { version: "1.1" }));
  if (found !== JSON.stringify(sections)) throw new TypeError(`YAML reads back as ${found}`);
  return text;
}

/** Writes the first `count` examples as conversations, going through them again where they end. */
async function writeData(
  path: string,
  source: ExampleSource,
  { count, signal }: { count: number; signal?: AbortSignal },
): Promise<number> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  let written = 0;
  while (written < count) {
    const before = written;
    for await (const example of source()) {
      signal?.throwIfAborted();
      if (example.kind !== "answer" || !("messages" in example.input)) {
        throw new Refusal(
          `Cannot export record ${example.where}: it is no conversation, expected "messages"`,
        );
      }
      const messages = conversation(
        example.input as { messages: readonly Message[] },
        example.answer,
      );
      await writeAll(file, `${JSON.stringify({ messages })}\n`);
      if (++written === count) break;
    }
    if (written === before) {
      throw new Refusal("Cannot export: the data holds no example, expected at least one");
    }
  }
  return written;
}

function conversation({ messages }: Extract<Input, { messages: unknown }>, answer?: string) {
  return answer === undefined ? messages : [...messages, { role: "assistant", content: answer }];
}

const EXPERT = /^(.*\.mlp\.experts)\.(\d+)\.(gate_proj|up_proj|down_proj)\.weight$/;

/** Writes a model folder with the experts of a layer stacked in one tensor a projection. */
async function writeMerged(
  dir: string,
  { json, config, tensors, tokenizer }: DfactoryModel,
  signal?: AbortSignal,
): Promise<void> {
  const shapes = new Map<string, readonly number[]>();
  for (const [name, shape] of expectedTensors(config)) {
    const [, experts, , projection] = EXPERT.exec(name) ?? [];
    if (experts) shapes.set(`${experts}.${projection}`, [config.numExperts, ...shape]);
    else shapes.set(name, shape);
  }
  await writeTensorFile(`${dir}/model.safetensors`, shapes, values());
  // The type that tells dFactory's model class of the layout.
  const own = { ...json, model_type: "llada2_moe_veomni" };
  await writeWhole(`${dir}/config.json`, configText(own, "float32"));
  await copyTokenizer(tokenizer, dir);

  async function* values(): AsyncGenerator<NamedTensor> {
    for (const [name, shape] of expectedTensors(config)) {
      signal?.throwIfAborted();
      const values = await tensors.values(name, shape);
      const [, experts, expert, projection] = EXPERT.exec(name) ?? [];
      if (!experts) yield { name, values };
      else yield { name: `${experts}.${projection}`, values, at: Number(expert) * values.length };
    }
  }
}

/** Id that dFactory's scripts mask with, whatever the model. */
const DFACTORY_MASK = 156895;

function launch({ name, batch, cap }: DfactoryStage, maskId: number): string {
  const script = cap > 0 ? "train_llada2_bd_with_dparallel" : "train_llada2_bd";
  const mask = maskId === DFACTORY_MASK ? [] : [
    `# dFactory masks with token ${DFACTORY_MASK}, this model with ${maskId}: change it in tasks/${script}.py`,
    "# and tasks/dataset/data_transform.py first.",
  ];
  return [
    "#!/bin/sh",
    `# Stage "${name}" on dFactory (github.com/inclusionAI/dFactory). DFACTORY is a clone of it with its submodule`,
    "# VeOmni installed. Any field of train.yaml can be set behind it: sh train.sh --train.lr 1.0e-5",
    ...mask,
    "# Afterwards, back to a folder that loads here (global_step_N as it was saved last):",
    '#   python "$DFACTORY/scripts/moe_convertor.py" --mode split \\',
    "#     --input-path output/checkpoints/global_step_N/hf_ckpt --output-path trained",
    "set -eu",
    'cd "$(dirname "$0")"',
    'export PYTHONPATH="$DFACTORY:$DFACTORY/VeOmni:${PYTHONPATH:-}"',
    `# With fewer processes than the ${batch} sequences of a step gradients add up, which VeOmni refuses to do with`,
    "# weights offloaded to the CPU.",
    "processes=$((${NNODES:-1} * ${NPROC_PER_NODE:-$(nvidia-smi --list-gpus | wc -l)}))",
    `[ "$processes" -eq ${batch} ] || set -- --train.enable_fsdp_offload false "$@"`,
    // Its script needs bash: Debian's sh takes one machine for several there.
    `exec bash "$DFACTORY/train.sh" "$DFACTORY/tasks/${script}.py" train.yaml "$@"`,
    "",
  ].join("\n");
}
