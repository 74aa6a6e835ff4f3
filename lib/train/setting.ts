/** Edge: resolves a recipe's model and data: folders, tokenizer, files, and what names them. */
import { dirname } from "node:path";
import { rememberedDigest, sha256 } from "../digest.ts";
import { type Checkpoint, openCheckpoint } from "../model/checkpoint.ts";
import { eosTokenIds, type ModelConfig, parseConfig } from "../model/config.ts";
import { tokenizerDigest } from "../model/digest.ts";
import { folderOf } from "../model/disk_folder.ts";
import { expectedTensors } from "../model/tensors.ts";
import { parseObject } from "../records/record.ts";
import { reason, Refusal } from "../refusal.ts";
import { loadChatTemplate } from "../tokenizer/chat_template.ts";
import { loadTokenizer } from "../tokenizer/mod.ts";
import {
  checkEncodes,
  type Encoder,
  type ExampleSource,
  fileExamples,
  type TrainExample,
} from "./examples.ts";
import { phaseSeed } from "./feed.ts";
import { initialTensors } from "./init.ts";
import type { DataItem, Phase, Recipe } from "./recipe.ts";
import type { RunSetting } from "./run.ts";

/** What a corpus is asked for. */
export interface CorpusRequest {
  /** Name of the corpus. */
  readonly corpus: string;
  /** Names of its parts, in the order of the recipe. */
  readonly parts: readonly string[];
  /** What the examples are for. */
  readonly use: "train" | "validation";
  /** Decides which examples come. */
  readonly seed: number;
}

/** What settings are made with. */
export interface SettingOptions {
  /** Where digests of files are remembered; without it they are computed anew. */
  readonly cacheDir?: string;
  /** Examples of a corpus by name; refuses what it does not know. Without it there are files alone. */
  readonly corpus?: (request: CorpusRequest) => ExampleSource;
}

/** A setting but for its trainer. */
export type OpenedSetting = Omit<RunSetting, "openTrainer"> & {
  /** Closes the weights that it starts from. */
  close(): void;
};

/** Opens what a recipe names. */
export async function openSetting(
  recipe: Recipe,
  options: SettingOptions = {},
): Promise<OpenedSetting> {
  const { cacheDir } = options;
  const { start, tokenizer: dir } = recipe.model;
  const from = sourceMaker(options);
  const sources = sourcesOf(recipe, from);
  const checkpoint = start === "random" ? undefined : await openCheckpoint(start);
  try {
    const { initializer_range, embedding_range } = recipe.model;
    const { json, config, folder } = await readConfig(recipe, checkpoint);
    checkModel(recipe, config);
    const tokenizer = await loadTokenizer(dir, { cacheDir });
    if (tokenizer.vocabSize > config.vocabSize) {
      throw new Refusal(
        `Cannot train with "${dir}": tokenizer.json has ${tokenizer.vocabSize} tokens, expected at most vocab_size ${config.vocabSize}`,
      );
    }
    const file = `${folder}/generation_config.json`;
    const generation = await readObject(file, { optional: true });
    const { mask, eos } = idsOf(config, {
      eos: eosTokenIds(generation, { file, vocabSize: config.vocabSize }),
      mask: tokenizer.tokenId("<|mask|>"),
    });
    const template = await loadChatTemplate(dir, { cacheDir });
    const encoder = { tokenizer, template, eos, mask };
    await checkData(recipe, { from, encoder });
    return {
      recipe,
      config,
      tensors: checkpoint
        ? { values: (name) => checkpoint.readF32(name) }
        : initialTensors(config, {
          seed: recipe.seed,
          range: initializer_range,
          embeddingRange: embedding_range,
        }),
      files: { config: json, generation, tokenizer: dir },
      encoder,
      ids: { mask, ordinary: ordinaryIds(tokenizer.vocabSize, [mask, eos]) },
      source: (phase, use) => sources.get(phase)?.[use],
      digests: {
        config: await sha256(JSON.stringify(json)),
        tokenizer: await tokenizerDigest(dir),
        // Of generation_config.json; that of config.json is in its digest.
        ...(eos === config.eosTokenIds[0] ? {} : { eos }),
        start: checkpoint
          ? await Promise.all(
            checkpoint.files.map((name) => folderOf(start).digest(name, cacheDir)),
          )
          : { initializer_range, embedding_range },
        data: await dataDigests(recipe, cacheDir),
      },
      close: () => checkpoint?.close(),
    };
  } catch (error) {
    checkpoint?.close();
    throw error;
  }
}

/** The configuration, its text's fields, and the folder it came from. */
async function readConfig(
  { model }: Recipe,
  checkpoint: Checkpoint | undefined,
): Promise<{ json: Record<string, unknown>; config: ModelConfig; folder: string }> {
  const named = model.config ?? model.start;
  const isFile = /\.json$/.test(named);
  const path = isFile ? named : `${named}/config.json`;
  const json = await readObject(path);
  const config = parseConfig(JSON.stringify(json), path);
  const folder = checkpoint?.dir ?? dirname(path);
  const shapes = (of: ModelConfig) => JSON.stringify([...expectedTensors(of)]);
  if (checkpoint && shapes(config) !== shapes(checkpoint.config)) {
    throw new Refusal(
      `Cannot start from "${checkpoint.dir}": "${path}" has other shapes, expected the checkpoint's`,
    );
  }
  return { json, config, folder };
}

/** Refuses what a model does not have room or a place for. */
function checkModel({ row_length, phases }: Recipe, config: ModelConfig): void {
  const { maxPositionEmbeddings, moeRouterEnableExpertBias, blockRouting } = config;
  if (blockRouting) {
    throw new Refusal(
      `Cannot train: field "expert_capacity" is ${blockRouting.capacity} in config.json, expected none, for in training each token chooses its experts alone`,
    );
  }
  if (row_length > maxPositionEmbeddings) {
    throw new Refusal(
      `Cannot train: data.row_length is ${row_length}, expected at most max_position_embeddings ${maxPositionEmbeddings} of config.json`,
    );
  }
  const balanced = phases.find(({ expert_bias_rate }) => expert_bias_rate > 0);
  if (balanced && !moeRouterEnableExpertBias) {
    throw new Refusal(
      `Cannot train stage "${balanced.stage}": expert_bias_rate is ${balanced.expert_bias_rate}, expected 0, for moe_router_enable_expert_bias is false in config.json`,
    );
  }
}

/**
 * Refuses data that a stage cannot use. Every line of a file is read: once it is mended, a run that failed over one
 * would be another run, and all its steps lost. Of a corpus the first example tells.
 */
async function checkData(
  recipe: Recipe,
  { from, encoder }: { from: SourceMaker; encoder: Encoder },
): Promise<void> {
  const checked = new Set<string>();
  const maskText = encoder.tokenizer.decode([encoder.mask]);
  for (const { stage, objective, data } of recipe.phases) {
    const isPair = objective === "dpo";
    for (const use of ["train", "validation"] as const) {
      for (const item of data[use]) {
        const check = JSON.stringify([item, use, isPair]);
        if (checked.has(check)) continue;
        checked.add(check);
        const found = await misfit(from(item, { use, seed: recipe.seed }), {
          isPair,
          firstAlone: "corpus" in item,
          check: (example) => checkEncodes(example, { encoder, maskText }),
        });
        if (found === undefined) continue;
        const name = "file" in item ? `"${item.file}"` : `corpus "${item.corpus}"`;
        const wanted = isPair ? FOUND.pair : "texts or answers";
        const none = use === "validation" ? " (or [] for none)" : "";
        throw new Refusal(
          `Cannot train stage "${stage}": its ${use} data ${name} holds ${found}, expected ${wanted}${none}`,
        );
      }
    }
  }
}

const FOUND = {
  text: 'a "text"',
  answer: "an answer",
  pair: '"chosen" and "rejected"',
} as const;

/** What some examples hold instead of pairs, or of texts and answers; undefined where all fit. */
async function misfit(
  source: ExampleSource,
  { isPair, firstAlone, check }: {
    isPair: boolean;
    firstAlone: boolean;
    check: (example: TrainExample) => Promise<void>;
  },
): Promise<string | undefined> {
  let count = 0;
  for await (const example of source()) {
    const { kind, where } = example;
    if ((kind === "pair") !== isPair) return `${FOUND[kind]} (${where})`;
    await check(example);
    count++;
    if (firstAlone) break;
  }
  return count === 0 ? "no example" : undefined;
}

async function readObject(
  path: string,
  { optional = false } = {},
): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (cause) {
    if (optional && cause instanceof Deno.errors.NotFound) return {};
    throw new Refusal(`Cannot read "${path}": ${reason(cause)}`, { cause });
  }
  return parseObject(text, `"${path}"`);
}

/** Mask and end of sequence, found where decoding finds them. */
function idsOf(
  config: ModelConfig,
  named: { eos: readonly number[]; mask: number | undefined },
): { mask: number; eos: number } {
  const mask = config.maskTokenId ?? named.mask;
  if (mask === undefined) {
    throw new Refusal(
      'Cannot train: no mask token, expected "mask_token_id" in config.json or "<|mask|>" in tokenizer.json',
    );
  }
  const eos = named.eos[0] ?? config.eosTokenIds[0] ?? config.padTokenId;
  if (mask !== eos) return { mask, eos };
  throw new Refusal(
    `Cannot train: token ${mask} is the mask and the end of sequence, expected a token for each`,
  );
}

/** The most ids in a row without the two: special tokens are the first of a vocabulary, or the last. */
function ordinaryIds(
  vocabSize: number,
  special: readonly [number, number],
): readonly [from: number, to: number] {
  const [low, high] = special.toSorted((a, b) => a - b);
  const runs = [[0, low], [low + 1, high], [high + 1, vocabSize]] as const;
  return runs.reduce((most, run) => run[1] - run[0] > most[1] - most[0] ? run : most);
}

type Sources = Readonly<Record<"train" | "validation", ExampleSource | undefined>>;

/** Each phase's examples: questions and an order of its own to train on, the same for all to measure on. */
function sourcesOf(recipe: Recipe, from: SourceMaker): Map<Phase, Sources> {
  const joined = (phase: Phase, use: "train" | "validation") => {
    const seed = use === "train" ? phaseSeed(recipe, phase) : recipe.seed;
    const sources = phase.data[use].map((item) => from(item, { use, seed }));
    return sources.length === 0 ? undefined : async function* () {
      for (const source of sources) yield* source();
    };
  };
  return new Map(recipe.phases.map((phase) => [phase, {
    train: joined(phase, "train"),
    validation: joined(phase, "validation"),
  }]));
}

type SourceMaker = (
  item: DataItem,
  request: Pick<CorpusRequest, "use" | "seed">,
) => ExampleSource;

/** Makes sources of examples; of a file always the same one, which knows the file as it was at first. */
function sourceMaker({ corpus }: SettingOptions): SourceMaker {
  const files = new Map<string, ExampleSource>();
  return (item, request) => {
    if ("file" in item) {
      const source = files.get(item.file) ?? fileExamples(item.file);
      files.set(item.file, source);
      return source;
    }
    if (corpus) return corpus({ ...item, ...request });
    throw new Refusal(`Cannot train on corpus "${item.corpus}": it is not known, expected files`);
  };
}

/** What each phase reads, in order: of a file its digest, since its path may change. */
async function dataDigests(recipe: Recipe, cacheDir?: string): Promise<Record<string, unknown>> {
  const digests = new Map<string, Promise<string>>();
  const name = (item: DataItem) => {
    if (!("file" in item)) return JSON.stringify(item);
    const digest = digests.get(item.file) ?? digestOf(item.file, cacheDir);
    digests.set(item.file, digest);
    return digest;
  };
  const phases: Record<string, unknown> = {};
  for (const { name: phase, data } of recipe.phases) {
    phases[phase] = {
      train: await Promise.all(data.train.map(name)),
      validation: await Promise.all(data.validation.map(name)),
    };
  }
  return phases;
}

async function digestOf(path: string, cacheDir?: string): Promise<string> {
  try {
    return await rememberedDigest(path, cacheDir);
  } catch (cause) {
    throw new Refusal(`Cannot read "${path}": ${reason(cause)}`, { cause });
  }
}
